//! Natural Earth's countries as TopoJSON, through npm.

use super::npm;
use crate::paths;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fs;

const PACKAGE: &str = "world-atlas";
const VERSION: &str = "2.0.2";

/// The countries at 1:110 million, and the same at 1:10 million, which has the smallest too.
pub fn ensure() -> anyhow::Result<[Value; 2]> {
    let folder = paths::tool(PACKAGE, VERSION)?;
    let files = folder.join("node_modules").join(PACKAGE);
    if !files.is_dir() {
        ensure!(npm::exists(), "the map comes through npm: install Node.js");
        npm::install(&format!("{PACKAGE}@{VERSION}"), &folder)?;
    }
    let read = |name: &str| -> anyhow::Result<Value> {
        let text = fs::read_to_string(files.join(name)).with_context(|| name.to_owned())?;
        Ok(serde_json::from_str(&text)?)
    };
    Ok([read("countries-110m.json")?, read("countries-10m.json")?])
}
