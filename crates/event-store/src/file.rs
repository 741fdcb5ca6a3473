//! The store's file on its disk: whether its path still leads to the open file, and the free space.

use super::StoreError;
use nix::sys::statvfs::statvfs;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Free space in bytes, below which a commit of many events may fail.
const MIN_FREE_SPACE: u64 = 1 << 20;

/// An open database: its paths, with the files that they led to when it was opened.
pub(super) struct OpenFile {
    /// The database and its write-ahead log. Committed rows are in either.
    files: [(PathBuf, Option<FileId>); 2],
}

/// Device and inode.
type FileId = (u64, u64);

impl OpenFile {
    /// For a database that was just opened.
    pub(super) fn new(path: &Path) -> Self {
        let log = PathBuf::from(format!("{}-wal", path.display()));
        Self { files: [path.to_owned(), log].map(|file| (file.clone(), file_id(&file))) }
    }

    /// Checks that the paths still lead to the open files: rows committed to a removed file are lost when
    /// the process ends.
    ///
    /// # Errors
    /// [`StoreError::Removed`] if not.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.files.iter().find(|(file, opened)| file_id(file) != *opened) {
            Some((file, _)) => Err(StoreError::Removed { path: file.clone() }),
            None => Ok(()),
        }
    }

    /// Half of the free space and of the database's own size, in bytes; no limit if unknown.
    pub(super) fn half_of_disk(&self) -> u64 {
        let path = &self.files[0].0;
        let own = fs::metadata(path).map_or(0, |file| file.len());
        free_space(path).map_or(u64::MAX, |free| free.saturating_add(own) / 2)
    }

    /// Checks that the disk has space for a commit.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] if not.
    pub(super) fn check_space(&self) -> Result<(), StoreError> {
        match free_space(&self.files[0].0) {
            Some(bytes) if bytes < MIN_FREE_SPACE => Err(StoreError::DiskFull { bytes }),
            // If the space is unknown, a write fails.
            _ => Ok(()),
        }
    }
}

/// Creates the database's file if it is missing, such that other users cannot read it. SQLite gives the
/// write-ahead log the same permissions.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// Creates missing folders, such that other users cannot look into them.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn file_id(file: &Path) -> Option<FileId> {
    fs::metadata(file).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Bytes that the process may still write to the file's disk; `None` if unknown.
fn free_space(file: &Path) -> Option<u64> {
    let disk = statvfs(file).ok()?;
    // The types differ between systems.
    #[allow(clippy::useless_conversion)]
    let (blocks, size) = (u64::from(disk.blocks_available()), u64::from(disk.fragment_size()));
    Some(blocks.saturating_mul(size))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn free_space_of_missing_file_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_space(folder.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free_space(Path::new("/no/such/file")), None);
    }

    #[test]
    fn check_of_removed_moved_or_replaced_file_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("s.sqlite"), folder.path().join("s.sqlite-wal"));
        let open_file = || {
            fs::write(&path, "database").unwrap();
            fs::write(&log, "log").unwrap();
            OpenFile::new(&path)
        };
        let open = open_file();
        assert!(open.check().is_ok());
        fs::remove_file(&log).unwrap();
        assert!(open.check().unwrap_err().to_string().contains("s.sqlite-wal"));

        let open = open_file();
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert!(open.check().is_err());
        fs::write(&path, "another").unwrap();
        assert!(open.check().is_err(), "another file has its name");
    }
}
