//! `cargo xtask bench`: measurements on release builds.

use super::stack;
use crate::{
    paths, process,
    toolchain::{geo, system},
};
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
    /// What the relay's own work on a press costs, in time and allocations; goals are in the names
    Micro,
}

/// Measures, and prints a table.
pub fn run(what: &What) -> anyhow::Result<()> {
    system::ensure()?;
    match what {
        What::Tools { rounds } => tools(*rounds),
        What::Micro => micro(),
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(paths::root());
    cargo
}

/// With a real geo database if one can be had, and the tests' small one otherwise.
fn micro() -> anyhow::Result<()> {
    let mut bench = cargo(&["bench", "--package", "relay", "--bench", "press"]);
    if let Some(database) = geo::ensure()? {
        bench.env("E2E_GEO_DATABASE", database);
    }
    process::run("Measuring", &mut bench)
}

fn tools(rounds: u8) -> anyhow::Result<()> {
    stack::ensure_tools()?;
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
