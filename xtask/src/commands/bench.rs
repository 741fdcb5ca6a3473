//! `cargo xtask bench`: measurements on release builds.

use super::stack;
use crate::{paths, process, toolchain::system};
use std::process::Command;

/// What is measured.
#[derive(clap::Subcommand)]
pub enum What {
    /// How many events a second `button` makes and reads, with a real Kafka beside it
    Tools {
        /// How often each is measured; the median counts
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
        rounds: u8,
    },
}

/// Measures, and prints a table.
pub fn run(what: &What) -> anyhow::Result<()> {
    let What::Tools { rounds } = what;
    system::ensure()?;
    stack::ensure_tools()?;
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(paths::root());
        cargo
    };
    process::run(
        "Building the tools",
        &mut cargo(&["build", "--release", "--package", "tools", "--bin", "button"]),
    )?;
    process::run(
        "Measuring",
        // It only starts what is measured.
        cargo(&[
            "bench",
            "--profile",
            "dev",
            "--all-features",
            "--package",
            "e2e",
            "--bench",
            "tools",
        ])
        .env("E2E_BUTTON", paths::target().join("release/button"))
        .env("BENCH_ROUNDS", rounds.to_string()),
    )
}
