//! Built pages by the hash of all that they are made of, so that none is built twice: not in this
//! checkout, nor in another one of this user.

use crate::paths;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// What a built page is made of: the parts, the versions, and the build itself.
const SOURCES: [&str; 14] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "frontend",
    "index.html",
    "live",
    "rust-toolchain.toml",
    "schemas",
    "xtask/npm/page",
    "xtask/src/commands/live_page.rs",
    "xtask/src/commands/page.rs",
    "xtask/src/document.rs",
    "xtask/src/squeeze",
    "xtask/src/toolchain",
];

/// Folders in these that do not get into the page.
const NOT_IN_IT: [&str; 3] = ["dist", "node_modules", "tests"];

/// Older pages are deleted: this many are kept.
const KEPT: usize = 8;

/// The place of one built page.
pub struct CachedPage(PathBuf);

impl CachedPage {
    /// The place of the page that these sources make with these options, whether it is there or not.
    pub fn of(options: &[&str]) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for source in SOURCES {
            collect(&paths::root().join(source), &mut files)?;
        }
        let mut hash = Sha256::new();
        for option in options {
            hash.update(option);
            hash.update([0]);
        }
        for file in files {
            let content = fs::read(&file)
                .with_context(|| format!("cannot read {}, a source of the page", file.display()))?;
            let name = file.strip_prefix(paths::root())?.to_string_lossy();
            // With its length, so that no two lists of files look the same.
            hash.update(format!("{name}\0{}\0", content.len()));
            hash.update(content);
        }
        let name: String =
            hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(paths::cache()?.join("pages").join(name)))
    }

    /// Copies it into `dist`, in the place of what is there; `false` if it has not been built yet.
    pub fn restore(&self, dist: &Path) -> anyhow::Result<bool> {
        if !self.0.is_dir() {
            return Ok(false);
        }
        if dist.exists() {
            fs::remove_dir_all(dist)?;
        }
        copy(&self.0, dist)?;
        Ok(true)
    }

    /// Keeps what is in `dist`, whole or not at all.
    pub fn store(&self, dist: &Path) -> anyhow::Result<()> {
        let pages = self.0.parent().context("a page has a folder")?;
        fs::create_dir_all(pages)?;
        let partial = tempfile::tempdir_in(pages)?;
        let copied = partial.path().join("page");
        copy(dist, &copied)?;
        // Another checkout may have been faster, with the same page.
        if !self.0.exists() {
            fs::rename(copied, &self.0)?;
        }
        drop(partial);
        prune(pages)
    }
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if !NOT_IN_IT.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), into)?;
        }
    }
    Ok(())
}

/// Copies the files with their times: hosts do not serve a compressed file that is older than the plain one.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (metadata, target) = (entry.metadata()?, to.join(entry.file_name()));
        if metadata.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            File::options().write(true).open(target)?.set_modified(metadata.modified()?)?;
        }
    }
    Ok(())
}

/// Deletes all but the newest.
fn prune(pages: &Path) -> anyhow::Result<()> {
    let mut by_age = Vec::new();
    for entry in fs::read_dir(pages)? {
        let entry = entry?;
        by_age.push((entry.metadata()?.modified()?, entry.path()));
    }
    by_age.sort();
    by_age.reverse();
    for (_, page) in by_age.into_iter().skip(KEPT) {
        fs::remove_dir_all(page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page_in(folder: &Path) -> (CachedPage, PathBuf) {
        let dist = folder.join("dist");
        fs::create_dir_all(dist.join("live")).unwrap();
        fs::write(dist.join("live/index.html"), "the screen").unwrap();
        (CachedPage(folder.join("pages/one")), dist)
    }

    #[test]
    fn stored_page_replaces_what_is_in_dist() {
        let folder = tempfile::tempdir().unwrap();
        let (page, dist) = page_in(folder.path());
        assert!(!page.restore(&dist).unwrap());
        let modified = || fs::metadata(dist.join("live/index.html")).unwrap().modified().unwrap();
        let before = modified();
        page.store(&dist).unwrap();
        fs::write(dist.join("old.js"), "").unwrap();
        assert!(page.restore(&dist).unwrap());
        assert_eq!(fs::read_to_string(dist.join("live/index.html")).unwrap(), "the screen");
        assert_eq!(modified(), before);
        assert!(!dist.join("old.js").exists());
        page.store(&dist).unwrap();
        assert_eq!(fs::read_dir(folder.path().join("pages")).unwrap().count(), 1);
    }

    #[test]
    fn oldest_pages_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..KEPT + 3 {
            fs::create_dir(folder.path().join(number.to_string())).unwrap();
        }
        prune(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT);
    }

    #[test]
    fn place_depends_on_the_options_and_nothing_else() {
        let place = |options: &[&str]| CachedPage::of(options).unwrap().0;
        assert_eq!(place(&["a"]), place(&["a"]));
        assert_ne!(place(&["a"]), place(&["b"]));
        assert_ne!(place(&["ab"]), place(&["a", "b"]));
    }

    #[test]
    fn every_source_is_there() {
        for source in SOURCES {
            assert!(paths::root().join(source).exists(), "{source}");
        }
    }
}
