//! `cargo xtask sbom`: what is in a program, as CycloneDX (JSON, ECMA-424), for those who have to keep
//! lists of that.

use crate::{
    paths, process, sbom,
    toolchain::{cyclonedx, rustc},
};
use anyhow::Context;
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// The package whose program it is: relay, tools, frontend, live-page
    #[arg(long, default_value = "relay")]
    package: String,
    /// Where to, in the place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes it.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let text = text(&options.package)?;
    match &options.output {
        Some(file) => {
            fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// Holds the relay's against the schema that CycloneDX publishes, where that can be had.
pub fn check() -> anyhow::Result<()> {
    let Some(validator) = cyclonedx::ensure()? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("relay.cdx.json");
    fs::write(&file, text("relay")?)?;
    process::run("Validating the relay's SBOM", &mut validator.command(&file, sbom::SPEC_VERSION))
}

fn text(package: &str) -> anyhow::Result<String> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", &rustc::host()?])
        .current_dir(paths::root());
    let metadata = process::output(&mut cargo).context("`cargo metadata --locked` failed")?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let lock = fs::read_to_string(paths::root().join("Cargo.lock"))?;
    let document = sbom::document(&metadata, &sbom::checksums(&lock), package)?;
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
