//! localStorage as the outbox's storage. Even the access may throw (cookies blocked, private
//! mode), and may begin to at any time.
//!
//! It is the whole origin's, in which other folders may have pages with relays of their own. So each key ends
//! with the page's folder: `kafka-button.outbox.<session>/events`. At the root that is empty, and a key of a
//! folder holds no session there.

use crate::outbox::storage::{Storage, StorageRefused};
use wasm_bindgen::JsValue;

/// What the pages of one folder store in their origin, shared by its tabs.
#[derive(Debug)]
pub struct LocalStorage {
    folder: String,
}

impl LocalStorage {
    /// The storage of the pages in `folder`, like `/events`; empty for the origin's root.
    pub fn new(folder: &str) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn key(&self, key: &str) -> String {
        [key, &self.folder].concat()
    }
}

fn storage() -> Result<web_sys::Storage, StorageRefused> {
    let window = web_sys::window().ok_or(StorageRefused)?;
    window.local_storage().map_err(refused)?.ok_or(StorageRefused)
}

fn refused(_: JsValue) -> StorageRefused {
    StorageRefused
}

impl Storage for LocalStorage {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        storage()?.get_item(&self.key(key)).map_err(refused)
    }

    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        storage()?.set_item(&self.key(key), text).map_err(refused)
    }

    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        storage()?.remove_item(&self.key(key)).map_err(refused)
    }

    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        let keys = js_sys::Object::keys(&storage()?.into());
        let own = |key: JsValue| Some(key.as_string()?.strip_suffix(&self.folder)?.to_owned());
        Ok(keys.iter().filter_map(own).collect())
    }
}
