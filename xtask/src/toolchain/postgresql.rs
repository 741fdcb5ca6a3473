//! PostgreSQL, which the local stack runs itself.

use super::system;
use crate::process;
use anyhow::bail;
use std::fs;

/// Installs it where that is possible.
pub fn ensure() -> anyhow::Result<()> {
    if is_there() {
        return Ok(());
    }
    if !system::can_install() {
        bail!(
            "the local stack needs PostgreSQL 15 or newer: install it with `sudo apt-get install postgresql`, \
             `sudo dnf install postgresql-server`, or `brew install postgresql@17`"
        );
    }
    system::install(&["postgresql"])?;
    if !is_there() {
        bail!("the package postgresql brought no program `postgres`");
    }
    Ok(())
}

/// Debian keeps a folder for each version, and none of them on the PATH.
fn is_there() -> bool {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    debian.into_iter().any(|version| version.path().join("bin/postgres").is_file())
        || process::exists("postgres")
}
