//! The store's file on its disk: whether it is still the one that is open, and how much room is left.

use super::StoreError;
use nix::sys::statvfs::statvfs;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// With less than this a commit of many events may find no room: the store is not ready then.
const NEEDED: u64 = 1 << 20;

/// A file that is open, by the names that it had then.
pub(super) struct OpenFile {
    /// The database and its write-ahead log. What is committed is in either.
    files: [(PathBuf, Option<Id>); 2],
}

/// Device and inode.
type Id = (u64, u64);

impl OpenFile {
    /// Remembers the files of a database that is open now.
    pub(super) fn of(path: &Path) -> Self {
        let log = PathBuf::from(format!("{}-wal", path.display()));
        Self { files: [path.to_owned(), log].map(|file| (file.clone(), id(&file))) }
    }

    /// Checks that the names still lead to the files that are open: what is committed to a file that was
    /// removed is gone with the process.
    ///
    /// # Errors
    /// [`StoreError::Removed`] if not.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.files.iter().find(|(file, opened)| id(file) != *opened) {
            Some((file, _)) => Err(StoreError::Removed { path: file.clone() }),
            None => Ok(()),
        }
    }

    /// Checks that there is room for a commit.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] if not.
    pub(super) fn check_space(&self) -> Result<(), StoreError> {
        match space_left(&self.files[0].0) {
            Some(bytes) if bytes < NEEDED => Err(StoreError::DiskFull { bytes }),
            // Where it cannot be found out, a write shows it.
            _ => Ok(()),
        }
    }
}

fn id(file: &Path) -> Option<Id> {
    fs::metadata(file).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Bytes that the relay may still write to the disk that the file is on; `None` where that is unknown.
fn space_left(file: &Path) -> Option<u64> {
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
    fn disk_has_room_and_missing_file_has_no_disk() {
        let folder = tempfile::tempdir().unwrap();
        assert!(space_left(folder.path()).is_some_and(|left| left > 0));
        assert_eq!(space_left(Path::new("/no/such/file")), None);
    }

    #[test]
    fn removed_moved_and_replaced_files_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("s.sqlite"), folder.path().join("s.sqlite-wal"));
        let make = || {
            fs::write(&path, "database").unwrap();
            fs::write(&log, "log").unwrap();
            OpenFile::of(&path)
        };
        let open = make();
        assert!(open.check().is_ok());
        fs::remove_file(&log).unwrap();
        assert!(open.check().unwrap_err().to_string().contains("s.sqlite-wal"));

        let open = make();
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert!(open.check().is_err());
        fs::write(&path, "another").unwrap();
        assert!(open.check().is_err(), "another file has its name");
    }
}
