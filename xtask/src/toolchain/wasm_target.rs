//! A compiler that can make WebAssembly.
//!
//! With rustup that is one more target. Where that can't be had, Debian's own Rust builds the
//! standard library from its sources; its settings are for trunk alone.

use super::system;
use crate::{paths, process};
use anyhow::bail;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What browsers run.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages for it.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The compiler to use.
pub enum WasmTarget {
    /// The usual one has the target.
    Usual,
    /// Debian's, with the linker of this name.
    Debian { linker: String },
}

impl WasmTarget {
    /// The folder that has to come first in the path.
    pub fn compiler_folder(&self) -> Option<PathBuf> {
        match self {
            WasmTarget::Usual => None,
            WasmTarget::Debian { .. } => Some("/usr/bin".into()),
        }
    }

    /// Sets what the compiler needs to be told.
    pub fn apply(&self, command: &mut Command) {
        if let WasmTarget::Debian { linker } = self {
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("CARGO");
        }
    }
}

/// Finds or installs it.
pub fn ensure() -> anyhow::Result<WasmTarget> {
    if has_target() {
        return Ok(WasmTarget::Usual);
    }
    if let Some(debian) = debian() {
        return Ok(debian);
    }
    if process::exists("rustup") {
        let added = process::run_within(
            Duration::from_secs(5 * 60),
            &format!("Adding the target {TARGET} (rustup)"),
            Command::new("rustup").args(["target", "add", TARGET]).current_dir(paths::root()),
        );
        // Without it there is another way.
        if added.is_ok() && has_target() {
            return Ok(WasmTarget::Usual);
        }
    }
    if system::can_install() {
        let linker = system::newest("lld").unwrap_or_else(|| "lld".to_owned());
        let packages = DEBIAN_PACKAGES.iter().copied().chain([linker.as_str()]).collect::<Vec<_>>();
        system::install(&packages)?;
        if let Some(debian) = debian() {
            return Ok(debian);
        }
    }
    bail!("the page needs Rust's target {TARGET}; install it with `rustup target add {TARGET}`")
}

fn has_target() -> bool {
    let folder = process::output(
        Command::new("rustc")
            .args(["--print", "target-libdir", "--target", TARGET])
            .current_dir(paths::root()),
    );
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    entries.is_some_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

/// Debian's compiler with the sources of the standard library and a linker, if all are there.
fn debian() -> Option<WasmTarget> {
    let sysroot = process::output(Command::new("/usr/bin/rustc").args(["--print", "sysroot"]))?;
    if !Path::new("/usr/bin/cargo").is_file()
        || !Path::new(&sysroot).join("lib/rustlib/src/rust/library/std").exists()
    {
        return None;
    }
    let mut linkers: Vec<(u32, String)> = std::fs::read_dir("/usr/bin")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| Some((name.strip_prefix("wasm-ld-")?.parse().ok()?, name)))
        .collect();
    linkers.sort();
    let (_, linker) = linkers.pop()?;
    Some(WasmTarget::Debian { linker })
}
