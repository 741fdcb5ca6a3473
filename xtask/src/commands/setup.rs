//! `cargo xtask setup`: everything that building, running and testing need.

use super::stack;
use crate::toolchain::{Page, axe, browser, clickhouse, geo, grafana_schema, system};

/// Installs what is missing.
pub fn run() -> anyhow::Result<()> {
    system::ensure()?;
    Page::ensure()?;
    geo::ensure()?;
    browser::ensure()?;
    axe::ensure()?;
    clickhouse::ensure()?;
    grafana_schema::ensure()?;
    stack::ensure_tools()?;
    println!("Everything is there.");
    Ok(())
}
