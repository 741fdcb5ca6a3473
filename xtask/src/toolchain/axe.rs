//! axe-core, which finds in a page what people with disabilities would stumble over.

use super::npm;
use crate::paths;
use anyhow::ensure;
use std::path::PathBuf;

const VERSION: &str = "4.14.1";

/// Gives its script, which the tests run in the page.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let folder = paths::tool("axe-core", VERSION)?;
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.is_file() {
        ensure!(
            npm::exists(),
            "the tests need axe-core: install Node.js with npm from https://nodejs.org"
        );
        npm::install(&format!("axe-core@{VERSION}"), &folder)?;
    }
    ensure!(script.is_file(), "axe-core was fetched and has no axe.min.js");
    Ok(script)
}
