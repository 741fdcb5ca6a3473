//! Installing into the cache, whole or not at all: into a temporary folder first, which is then renamed.

use crate::paths;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::{fmt::Write, fs, path::Path};
use tempfile::TempDir;

/// A temporary folder on the cache's file system, so that its content can be renamed into place.
pub fn staging() -> anyhow::Result<TempDir> {
    let tools = paths::cache()?.join("tools");
    fs::create_dir_all(&tools)?;
    Ok(tempfile::tempdir_in(tools)?)
}

/// Renames a complete installation. If another process was faster, its installation is kept.
pub fn move_into_place(staging: TempDir, folder: &Path) -> anyhow::Result<()> {
    match fs::rename(staging.path(), folder) {
        Ok(()) => {
            // Renamed: there is nothing left to remove.
            let _ = staging.keep();
            Ok(())
        }
        Err(_) if folder.is_dir() => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot rename to {}", folder.display())),
    }
}

/// The first 64 bits of SHA-256, in hexadecimal digits.
pub fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).fold(String::new(), |mut hash, byte| {
        // Writing to a string does not fail.
        let _ = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn concurrent_installation_keeps_the_first() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("npm-test");
        for content in ["first", "second"] {
            let staging = tempfile::tempdir_in(cache.path()).unwrap();
            fs::write(staging.path().join("file"), content).unwrap();
            move_into_place(staging, &folder).unwrap();
        }
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "first");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "a temporary folder is left");
    }

    #[test]
    fn failed_rename_is_an_error() {
        let cache = tempfile::tempdir().unwrap();
        let staging = tempfile::tempdir_in(cache.path()).unwrap();
        let error = move_into_place(staging, &cache.path().join("missing/folder")).unwrap_err();
        assert!(error.to_string().starts_with("cannot rename to "), "{error:#}");
    }

    #[test]
    fn short_hash_is_the_beginning_of_sha256() {
        // printf '' | sha256sum
        assert_eq!(short_hash(b""), "e3b0c44298fc1c14");
    }
}
