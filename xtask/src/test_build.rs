//! One build of all programs and all tests, and cargo-nextest, which runs the tests.
//!
//! Every build selects the whole workspace with all features: any other selection would unify features
//! differently and compile tokio, hyper and the relay a second time.

use crate::{
    paths, process,
    toolchain::{CARGO_NEXTEST, cargo_tool},
};
use anyhow::Context;
use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

/// What selects everything.
pub const SELECTION: [&str; 2] = ["--workspace", "--all-features"];

/// All tests, built.
pub struct TestBuild {
    nextest: PathBuf,
    binaries: PathBuf,
    metadata: PathBuf,
}

impl TestBuild {
    /// Builds them, and the programs that they start.
    pub fn new() -> anyhow::Result<Self> {
        let nextest = CARGO_NEXTEST.program_in(&[cargo_tool(&CARGO_NEXTEST)?]);
        // With the examples cargo takes the tests' features for the programs, too (dev-dependencies).
        let programs = [&["build"], &SELECTION[..], &["--bins", "--examples"]].concat();
        process::run(
            &format!("cargo {}", programs.join(" ")),
            Command::new("cargo").args(programs).current_dir(paths::root()),
        )?;
        let folder = paths::target().join("nextest");
        fs::create_dir_all(&folder)?;
        let (binaries, metadata) = (folder.join("binaries.json"), folder.join("metadata.json"));
        process::run(
            "Building the tests",
            Command::new(&nextest)
                .args(["nextest", "list", "--list-type=binaries-only", "--message-format=json"])
                .args(SELECTION)
                .current_dir(paths::root())
                .stdout(create(&binaries)?),
        )?;
        process::run(
            "Asking cargo for the packages",
            Command::new("cargo")
                .args(["metadata", "--format-version=1", "--all-features", "--locked"])
                .current_dir(paths::root())
                .stdout(create(&metadata)?),
        )?;
        Ok(Self { nextest, binaries, metadata })
    }

    /// The command that runs the tests of a profile in `.config/nextest.toml`. It needs no cargo, so
    /// that it can run beside builds.
    pub fn run(&self, profile: &str) -> Command {
        let mut run = Command::new(&self.nextest);
        run.args(["nextest", "run", "--profile", profile])
            .arg("--binaries-metadata")
            .arg(&self.binaries)
            .arg("--cargo-metadata")
            .arg(&self.metadata)
            .current_dir(paths::root());
        run
    }
}

fn create(file: &PathBuf) -> anyhow::Result<File> {
    File::create(file).with_context(|| format!("cannot write {}", file.display()))
}
