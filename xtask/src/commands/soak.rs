//! `cargo xtask soak`: everything at once for long, with faults. What it does is in
//! `e2e/tests/pipeline/soak`.

use super::stack;
use crate::{paths, process, toolchain::system};
use std::process::Command;

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// For how long; each fault comes at least once
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: u32,
}

/// Runs it.
pub fn run(options: &Options) -> anyhow::Result<()> {
    system::ensure()?;
    stack::ensure_tools()?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(paths::root());
        cargo
    };
    process::run(
        "Building the relay",
        &mut cargo(&["build", "--all-features", "--package", "relay", "--bin", "relay"]),
    )?;
    process::run(
        &format!("{} min of everything at once", options.minutes),
        cargo(&["test", "--all-features", "--package", "e2e", "--test", "pipeline"])
            .args(["--", "--nocapture"])
            .env("E2E_RELAY", paths::target().join("debug/relay"))
            .env("E2E_ONLY", "soak::")
            .env("E2E_SOAK_SECONDS", (u64::from(options.minutes) * 60).to_string()),
    )
}
