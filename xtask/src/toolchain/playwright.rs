//! Playwright's library, which takes the pictures of the page in the system's Chromium.

use super::npm::Group;
use anyhow::Context;
use std::path::PathBuf;

/// Returns the module.
pub fn ensure() -> anyhow::Result<PathBuf> {
    Group::Pictures.file("playwright-core/index.mjs").context("pictures need Playwright")
}
