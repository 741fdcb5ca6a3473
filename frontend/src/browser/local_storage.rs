//! localStorage as the outbox's storage. Even the access may throw (cookies blocked, private
//! mode), and may begin to at any time, so it is taken anew for each use.

use crate::outbox::storage::{Storage, StorageRefused};

/// The storage of this origin, shared by its tabs.
#[derive(Debug)]
pub struct LocalStorage;

fn storage() -> Result<web_sys::Storage, StorageRefused> {
    web_sys::window().and_then(|window| window.local_storage().ok().flatten()).ok_or(StorageRefused)
}

impl Storage for LocalStorage {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        storage()?.get_item(key).map_err(|_| StorageRefused)
    }

    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        storage()?.set_item(key, text).map_err(|_| StorageRefused)
    }

    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        storage()?.remove_item(key).map_err(|_| StorageRefused)
    }

    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        let storage = storage()?;
        let length = storage.length().map_err(|_| StorageRefused)?;
        Ok((0..length).filter_map(|index| storage.key(index).ok().flatten()).collect())
    }
}
