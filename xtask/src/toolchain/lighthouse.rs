//! Lighthouse, which judges pages as a slow phone meets them.

use super::npm;
use crate::{paths, process};
use anyhow::{bail, ensure};
use std::{path::PathBuf, process::Command};

/// The last one that runs under Node.js 18 and 20.
const VERSION: &str = "12.8.2";

/// Gives its program.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let folder = paths::tool("lighthouse", VERSION)?;
    let program = folder.join("node_modules/.bin/lighthouse");
    let works = || process::output(Command::new(&program).arg("--version")).is_some();
    if works() {
        return Ok(program);
    }
    if !npm::exists() {
        bail!(
            "Lighthouse needs Node.js 18.20 or newer with npm: install it from https://nodejs.org"
        );
    }
    npm::install(&format!("lighthouse@{VERSION}"), &folder)?;
    ensure!(works(), "Lighthouse was fetched but does not run: is Node.js older than 18.20?");
    Ok(program)
}
