//! What the commands need, a file each: found, installed, or named in one line.

pub mod atlas;
pub mod axe;
pub mod browser;
mod cargo_tools;
pub mod geo;
pub mod java;
pub mod lighthouse;
mod npm;
pub mod playwright;
pub mod postgresql;
mod squeezers;
pub mod system;
mod wasm_target;

use crate::paths;
pub use squeezers::Squeezers;
use std::{env, path::PathBuf, process::Command};
use wasm_target::WasmTarget;

/// Everything that builds the page.
pub struct Page {
    tools: Vec<PathBuf>,
    squeezers: Option<Squeezers>,
    target: WasmTarget,
}

impl Page {
    /// Installs what is missing.
    pub fn ensure() -> anyhow::Result<Self> {
        let target = wasm_target::ensure()?;
        let tools = [
            cargo_tools::ensure(&cargo_tools::TRUNK)?,
            cargo_tools::ensure(&cargo_tools::WASM_BINDGEN)?,
        ];
        let squeezers = squeezers::ensure()?;
        Ok(Self { tools: tools.into(), squeezers, target })
    }

    /// What makes the built page small, where it can be had.
    pub fn squeezers(&self) -> Option<&Squeezers> {
        self.squeezers.as_ref()
    }

    /// `trunk`, which finds the other tools in its path. The page's build has a target folder of
    /// its own, since it may have another compiler.
    pub fn trunk(&self) -> Command {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders = self.tools.clone();
        folders.extend(self.target.compiler_folder());
        folders.extend(env::split_paths(&path));
        let mut trunk = Command::new(cargo_tools::TRUNK.program_in(&folders));
        // Joining fails only for folders with a colon in their name; then the old path is kept.
        trunk.env("PATH", env::join_paths(folders).unwrap_or(path));
        trunk.env("CARGO_TARGET_DIR", paths::root().join("target/page"));
        trunk.current_dir(paths::root());
        self.target.apply(&mut trunk);
        trunk
    }
}
