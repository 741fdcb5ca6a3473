//! Chromium and its driver, for the tests.

use super::system;
use crate::process;
use anyhow::bail;

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
