//! axe-core, which finds accessibility faults in a page.

use super::npm::Group;
use anyhow::Context;
use std::path::PathBuf;

/// Returns its script, which the tests run in the page.
pub fn ensure() -> anyhow::Result<PathBuf> {
    Group::Test.file("axe-core/axe.min.js").context("the tests need axe-core")
}
