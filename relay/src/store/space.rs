//! How much room the disk has.

use nix::sys::statvfs::statvfs;
use std::path::Path;

/// With less than this a commit of many events may find no room: the store is not ready then.
pub(super) const NEEDED: u64 = 1 << 20;

/// Bytes that we may still write to the disk that the file is on; `None` where it cannot be told.
pub(super) fn left_for(file: &Path) -> Option<u64> {
    let disk = statvfs(file).ok()?;
    // The types differ between systems.
    #[allow(clippy::useless_conversion)]
    let (blocks, size) = (u64::from(disk.blocks_available()), u64::from(disk.fragment_size()));
    Some(blocks.saturating_mul(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_and_a_missing_file_no_disk() {
        let folder = tempfile::tempdir().ok();
        assert!(folder.is_some_and(|folder| left_for(folder.path()).is_some_and(|left| left > 0)));
        assert_eq!(left_for(Path::new("/no/such/file")), None);
    }
}
