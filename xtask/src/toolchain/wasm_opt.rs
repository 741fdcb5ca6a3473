//! wasm-opt, which makes the page's WebAssembly about a tenth smaller.

use super::npm;
use crate::{paths, process};
use std::{path::PathBuf, process::Command};

/// The version in Trunk.toml.
const VERSION: &str = "132";

/// Gives the folder that it is in; `None` if it cannot be had, which makes the page larger.
pub fn ensure() -> anyhow::Result<Option<PathBuf>> {
    let folder = paths::tool("binaryen", VERSION)?;
    let bin = folder.join("node_modules/.bin");
    let works = || process::output(Command::new(bin.join("wasm-opt")).arg("--version")).is_some();
    if works() {
        return Ok(Some(bin));
    }
    if !npm::exists() {
        println!("── Without npm there is no wasm-opt: the page will be larger than it could be");
        return Ok(None);
    }
    if let Err(error) = npm::install(&format!("binaryen@{VERSION}.0.0"), &folder) {
        println!("── No wasm-opt, so the page will be larger than it could be ({error:#})");
        return Ok(None);
    }
    if !works() {
        println!(
            "── wasm-opt was fetched but does not run: the page will be larger than it could be"
        );
        return Ok(None);
    }
    Ok(Some(bin))
}
