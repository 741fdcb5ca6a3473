//! wasm-opt and esbuild, which make the page about a fifth smaller. Both come through npm.

use super::npm::{self, Group};
use crate::process;
use std::{path::PathBuf, process::Command};

/// Both, installed in this `node_modules`.
pub struct Optimizers(PathBuf);

/// Returns them; `None` if they cannot be installed, which makes the page larger.
pub fn ensure() -> anyhow::Result<Option<Optimizers>> {
    if !npm::exists() {
        println!(
            "── Without npm there is no wasm-opt and no esbuild: the page will be larger than it could be"
        );
        return Ok(None);
    }
    let ensured = || -> anyhow::Result<Optimizers> {
        let tools = Optimizers(Group::Page.ensure()?.join("node_modules"));
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

impl Optimizers {
    /// The library that wasm-opt is made of.
    pub fn binaryen(&self) -> PathBuf {
        self.0.join("binaryen/index.js")
    }

    /// `wasm-opt`.
    pub fn wasm_opt(&self) -> Command {
        Command::new(self.0.join(".bin/wasm-opt"))
    }

    /// `esbuild`.
    pub fn esbuild(&self) -> Command {
        Command::new(self.0.join(".bin/esbuild"))
    }
}
