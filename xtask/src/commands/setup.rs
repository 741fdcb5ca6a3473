//! `cargo xtask setup`: everything that building, running and testing need.

use super::stack;
use crate::toolchain::{Page, axe, browser, clickhouse, geo, grafana_schema, system, web_servers};

/// Installs what is missing.
pub fn run() -> anyhow::Result<()> {
    system::ensure()?;
    Page::ensure()?;
    geo::ensure()?;
    browser::ensure()?;
    axe::ensure()?;
    web_servers::ensure()?;
    clickhouse::ensure()?;
    grafana_schema::ensure()?;
    stack::ensure_tools()?;
    println!("Everything is there.");
    Ok(())
}
