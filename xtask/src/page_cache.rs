//! Built pages, and the test that runs in a browser, by the hash of all that they are made of, so that none
//! is built twice: not in this checkout, nor in another one of this user.

use crate::paths;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// What a built page is made of: the parts, the versions, and the build itself.
const SOURCES: [&str; 15] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "crates/page-texts",
    "frontend",
    "index.html",
    "live",
    "rust-toolchain.toml",
    "schemas",
    "xtask/npm/page",
    "xtask/src/commands/live_page.rs",
    "xtask/src/commands/page.rs",
    "xtask/src/document.rs",
    "xtask/src/optimize",
    "xtask/src/toolchain",
];

/// Folders in these that are in neither the page nor its test.
const IN_NEITHER: [&str; 2] = ["dist", "node_modules"];

/// Older builds are deleted: this many are kept.
const KEPT: usize = 8;

/// The place of one build.
pub struct CachedBuild(PathBuf);

impl CachedBuild {
    /// The place of the page that these sources make with these options, whether it is there or not.
    pub fn page(options: &[&str]) -> anyhow::Result<Self> {
        Self::of("pages", options, &[&IN_NEITHER[..], &["tests"]].concat())
    }

    /// The place of the test that these sources make.
    pub fn browser_test() -> anyhow::Result<Self> {
        Self::of("browser-tests", &[], &IN_NEITHER)
    }

    fn of(kind: &str, options: &[&str], without: &[&str]) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for source in SOURCES {
            collect(&paths::root().join(source), without, &mut files)?;
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
        Ok(Self(paths::cache()?.join(kind).join(name)))
    }

    /// Copies it into a folder, in the place of what is there; `false` if it has not been built yet.
    pub fn restore(&self, folder: &Path) -> anyhow::Result<bool> {
        if !self.0.is_dir() {
            return Ok(false);
        }
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        copy(&self.0, folder)?;
        Ok(true)
    }

    /// Keeps what is in a folder, whole or not at all.
    pub fn store(&self, folder: &Path) -> anyhow::Result<()> {
        let builds = self.0.parent().context("a build has a folder")?;
        fs::create_dir_all(builds)?;
        let partial = tempfile::tempdir_in(builds)?;
        let copied = partial.path().join("build");
        copy(folder, &copied)?;
        // Another checkout may have been faster, with the same build.
        if !self.0.exists() {
            fs::rename(copied, &self.0)?;
        }
        drop(partial);
        prune(builds)
    }
}

fn collect(path: &Path, without: &[&str], into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if !without.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), without, into)?;
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
fn prune(builds: &Path) -> anyhow::Result<()> {
    let mut by_age = Vec::new();
    for entry in fs::read_dir(builds)? {
        let entry = entry?;
        by_age.push((entry.metadata()?.modified()?, entry.path()));
    }
    by_age.sort();
    by_age.reverse();
    for (_, build) in by_age.into_iter().skip(KEPT) {
        fs::remove_dir_all(build)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page_in(folder: &Path) -> (CachedBuild, PathBuf) {
        let dist = folder.join("dist");
        fs::create_dir_all(dist.join("live")).unwrap();
        fs::write(dist.join("live/index.html"), "the screen").unwrap();
        (CachedBuild(folder.join("pages/one")), dist)
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
    fn oldest_builds_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..KEPT + 3 {
            fs::create_dir(folder.path().join(number.to_string())).unwrap();
        }
        prune(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), KEPT);
    }

    #[test]
    fn place_depends_on_the_options_and_nothing_else() {
        let place = |options: &[&str]| CachedBuild::page(options).unwrap().0;
        assert_eq!(place(&["a"]), place(&["a"]));
        assert_ne!(place(&["a"]), place(&["b"]));
        assert_ne!(place(&["ab"]), place(&["a", "b"]));
        assert_ne!(CachedBuild::browser_test().unwrap().0, place(&[]));
    }

    #[test]
    fn every_source_is_there() {
        for source in SOURCES {
            assert!(paths::root().join(source).exists(), "{source}");
        }
    }
}
