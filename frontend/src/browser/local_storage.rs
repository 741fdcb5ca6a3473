//! localStorage as the outbox's storage. Even the access may throw (cookies blocked, private
//! mode), and may begin to at any time.

use super::seams;
use crate::outbox::storage::{Storage, StorageRefused};

/// The storage of this origin, shared by its tabs.
#[derive(Debug)]
pub struct LocalStorage;

impl Storage for LocalStorage {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        seams::read(key).map_err(|_| StorageRefused)
    }

    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        seams::write(key, text).map_err(|_| StorageRefused)
    }

    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        seams::remove(key).map_err(|_| StorageRefused)
    }

    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        let keys = seams::keys().map_err(|_| StorageRefused)?;
        Ok(keys.lines().map(str::to_owned).collect())
    }
}
