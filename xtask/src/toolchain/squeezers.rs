//! wasm-opt and esbuild, which make the page about a fifth smaller. Both come through npm.

use super::npm;
use crate::{paths, process};
use std::{path::PathBuf, process::Command};

const BINARYEN: (&str, &str) = ("binaryen", "132.0.0");
const ESBUILD: (&str, &str) = ("esbuild", "0.28.2");

/// Both, installed.
pub struct Squeezers {
    binaryen: PathBuf,
    esbuild: PathBuf,
}

/// Gives them; `None` if they cannot be had, which makes the page larger.
pub fn ensure() -> anyhow::Result<Option<Squeezers>> {
    if !npm::exists() {
        println!(
            "── Without npm there is no wasm-opt and no esbuild: the page will be larger than it could be"
        );
        return Ok(None);
    }
    let ensured = || -> anyhow::Result<Squeezers> {
        let tools = Squeezers { binaryen: folder(BINARYEN)?, esbuild: folder(ESBUILD)? };
        for mut program in [tools.wasm_opt(), tools.esbuild()] {
            if process::output(program.arg("--version")).is_none() {
                anyhow::bail!("{} does not run", program.get_program().to_string_lossy());
            }
        }
        Ok(tools)
    };
    match ensured() {
        Ok(tools) => Ok(Some(tools)),
        Err(error) => {
            println!("── The page will be larger than it could be ({error:#})");
            Ok(None)
        }
    }
}

fn folder((package, version): (&str, &str)) -> anyhow::Result<PathBuf> {
    let folder = paths::tool(package, version)?;
    if !folder.join("node_modules").join(package).exists() {
        npm::install(&format!("{package}@{version}"), &folder)?;
    }
    Ok(folder.join("node_modules"))
}

impl Squeezers {
    /// The library that wasm-opt is made of.
    pub fn binaryen(&self) -> PathBuf {
        self.binaryen.join("binaryen/index.js")
    }

    /// `wasm-opt`.
    pub fn wasm_opt(&self) -> Command {
        Command::new(self.binaryen.join(".bin/wasm-opt"))
    }

    /// `esbuild`.
    pub fn esbuild(&self) -> Command {
        Command::new(self.esbuild.join(".bin/esbuild"))
    }
}
