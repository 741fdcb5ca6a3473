//! Where an outbox keeps its text: the seam to the browser's localStorage.

use std::collections::BTreeMap;

/// The storage refused: blocked, private mode, over quota. What was to be stored stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageRefused;

/// A map from texts to texts that outlives the page, shared with the other tabs.
pub trait Storage {
    /// The text under `key`, if there is one.
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused>;
    /// Puts `text` under `key`.
    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused>;
    /// Removes `key`; it may be gone already.
    fn remove(&mut self, key: &str) -> Result<(), StorageRefused>;
    /// Every key there is.
    fn keys(&self) -> Result<Vec<String>, StorageRefused>;
}

/// Storage that ends with the page: for tests, and for pages that are allowed no other.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<String, String>);

impl Storage for Memory {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        Ok(self.0.get(key).cloned())
    }

    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        self.0.insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        self.0.remove(key);
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        Ok(self.0.keys().cloned().collect())
    }
}
