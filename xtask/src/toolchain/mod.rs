//! What the commands need, a file each: found, installed, or named in one line.

pub mod atlas;
pub mod axe;
pub mod browser;
mod cargo_tools;
pub mod clickhouse;
pub mod cyclonedx;
pub mod geo;
pub mod grafana_schema;
mod install;
pub mod java;
pub mod lighthouse;
pub mod load;
mod npm;
mod optimizers;
pub mod playwright;
pub mod postgresql;
pub mod rustc;
pub mod system;
mod wasm_target;
pub mod web_servers;
mod wheels;

use crate::paths;
pub use browser::Browsers;
pub use cargo_tools::{CARGO_DENY, CARGO_NEXTEST, ensure as cargo_tool};
pub use optimizers::Optimizers;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};
use wasm_target::WasmTarget;

/// Everything that builds the page.
pub struct Page {
    tools: Vec<PathBuf>,
    optimizers: Option<Optimizers>,
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
        let optimizers = optimizers::ensure()?;
        Ok(Self { tools: tools.into(), optimizers, target })
    }

    /// wasm-opt and esbuild, where they can be had.
    pub fn optimizers(&self) -> Option<&Optimizers> {
        self.optimizers.as_ref()
    }

    /// `trunk`, which finds the other tools in its path.
    pub fn trunk(&self) -> Command {
        let mut trunk = self.command(&cargo_tools::TRUNK.program_in(&self.folders()));
        // The WebAssembly is public, and the same wherever it is built: without the paths of this machine.
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        if let Some(home) = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))) {
            let sources = home.join("registry/src");
            let remap = format!("--remap-path-prefix={}=", sources.display());
            trunk.env("CARGO_ENCODED_RUSTFLAGS", remap);
        }
        trunk
    }

    /// `cargo test` for a browser.
    pub fn cargo_test(&self) -> Command {
        let folders = self.folders();
        let cargo = folders.iter().map(|folder| folder.join("cargo")).find(|cargo| cargo.is_file());
        let mut test = self.command(&cargo.unwrap_or_else(|| "cargo".into()));
        test.args(["test", "--target", wasm_target::TARGET]).env("CARGO_PROFILE_DEV_DEBUG", "0");
        test
    }

    /// The program that runs a test in a browser.
    pub fn browser_test_runner(&self) -> Command {
        let folders = self.folders();
        let mut runner = self
            .command(&cargo_tools::WASM_BINDGEN.beside_in(&folders, "wasm-bindgen-test-runner"));
        runner.current_dir(paths::root().join("frontend"));
        runner
    }

    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = self.tools.clone();
        folders.extend(self.target.compiler_folder());
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        folders
    }

    /// With all that the compiler needs. The page's build has a target folder of its own, since it may
    /// have another compiler.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Joining fails only for folders with a colon in their name; then the old path is kept.
        if let Ok(path) = env::join_paths(self.folders()) {
            command.env("PATH", path);
        }
        command.env("CARGO_TARGET_DIR", paths::root().join("target/page"));
        command.current_dir(paths::root());
        self.target.apply(&mut command);
        command
    }
}
