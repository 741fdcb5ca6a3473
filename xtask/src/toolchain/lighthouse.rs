//! Lighthouse, which judges pages as a slow phone meets them.

use super::npm::Group;
use crate::process;
use anyhow::{Context, ensure};
use std::{path::PathBuf, process::Command};

/// Returns its program.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let program = Group::Audit
        .file(".bin/lighthouse")
        .context("Lighthouse needs Node.js 18.20 or newer with npm")?;
    ensure!(
        process::output(Command::new(&program).arg("--version")).is_some(),
        "Lighthouse is installed but does not run: is Node.js older than 18.20?"
    );
    Ok(program)
}
