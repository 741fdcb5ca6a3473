//! localStorage as the outbox's storage. Even the access may throw (cookies blocked, private
//! mode), and may begin to at any time.

use crate::outbox::storage::{Storage, StorageRefused};
use wasm_bindgen::JsValue;

/// The storage of this origin, shared by its tabs.
#[derive(Debug)]
pub struct LocalStorage;

fn storage() -> Result<web_sys::Storage, StorageRefused> {
    let window = web_sys::window().ok_or(StorageRefused)?;
    window.local_storage().map_err(refused)?.ok_or(StorageRefused)
}

fn refused(_: JsValue) -> StorageRefused {
    StorageRefused
}

impl Storage for LocalStorage {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        storage()?.get_item(key).map_err(refused)
    }

    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        storage()?.set_item(key, text).map_err(refused)
    }

    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        storage()?.remove_item(key).map_err(refused)
    }

    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        let keys = js_sys::Object::keys(&storage()?.into());
        Ok(keys.iter().filter_map(|key| key.as_string()).collect())
    }
}
