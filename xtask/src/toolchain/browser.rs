//! Chromium and its driver, for the tests.

use super::system;
use crate::process;
use anyhow::{Context, bail};
use std::{env, path::PathBuf};

/// Installs them where that is possible.
pub fn ensure() -> anyhow::Result<()> {
    if process::exists("chromium") && process::exists("chromedriver") {
        return Ok(());
    }
    if !system::can_install() {
        bail!(
            "the tests need Chromium: install it with `sudo apt-get install chromium chromium-driver`"
        );
    }
    system::install(&["chromium", "chromium-driver"])
}

/// Chromium's program, for tools that want to know where it is.
pub fn chromium() -> anyhow::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut programs = env::split_paths(&path).map(|folder| folder.join("chromium"));
    programs.find(|program| program.is_file()).context("there is no chromium in the PATH")
}
