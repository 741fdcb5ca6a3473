//! Playwright's library, which takes the pictures of the page in the system's Chromium.

use super::npm;
use crate::paths;
use anyhow::bail;
use std::path::PathBuf;

const PACKAGE: &str = "playwright-core";
const VERSION: &str = "1.65.1";

/// Gives the module.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let folder = paths::tool(PACKAGE, VERSION)?;
    let module = folder.join("node_modules").join(PACKAGE).join("index.mjs");
    if !module.is_file() {
        if !npm::exists() {
            bail!("pictures need Node.js with npm");
        }
        npm::install(&format!("{PACKAGE}@{VERSION}"), &folder)?;
    }
    Ok(module)
}
