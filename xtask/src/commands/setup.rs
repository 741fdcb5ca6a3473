//! `cargo xtask setup`: everything that building, running and testing need.

use crate::toolchain::{Page, browser, geo, java, system};

/// Installs what is missing.
pub fn run() -> anyhow::Result<()> {
    system::ensure()?;
    Page::ensure()?;
    geo::ensure()?;
    browser::ensure()?;
    java::ensure()?;
    println!("Everything is there.");
    Ok(())
}
