//! `cargo xtask soak`: everything at once for long, with faults. What it does is in
//! `e2e/tests/pipeline/soak`.

use super::stack;
use crate::{paths, process, test_build::TestBuild, toolchain::system};

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
    let tests = TestBuild::new()?;
    process::run(
        &format!("{} min of everything at once", options.minutes),
        tests
            .run("servers")
            .args(["--filterset", "binary(pipeline)", "--no-capture"])
            .env("E2E_RELAY", paths::target().join("debug/relay"))
            .env("E2E_ONLY", "soak::")
            .env("E2E_SOAK_SECONDS", (u64::from(options.minutes) * 60).to_string()),
    )
}
