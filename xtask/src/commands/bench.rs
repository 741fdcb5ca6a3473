//! `cargo xtask bench`: measurements on release builds.

use super::{page, stack};
use crate::{
    paths, process,
    toolchain::{geo, load, system},
};
use clap::ValueEnum;
use std::process::Command;

/// What is measured.
#[derive(clap::Subcommand)]
pub enum What {
    /// How many events a second `button` makes and reads, with a real Kafka beside it
    Tools(Rounds),
    /// What the relay's own work on a press costs, in time and allocations; goals are in the names
    Micro,
    /// What the relay costs in processor, memory and time, with a real Kafka beside it
    Relay {
        #[command(flatten)]
        rounds: Rounds,
        /// Only these parts
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Part>,
        /// Take the figures as those that later ones are compared with: e2e/benches/results/relay.json
        #[arg(long, conflicts_with = "only")]
        save: bool,
    },
}

/// How often.
#[derive(clap::Args)]
pub struct Rounds {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
}

/// A part of the relay's benchmark: a file in e2e/benches/relay.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Part {
    /// From the start of the program to the page; memory when nothing happens
    Start,
    /// A thousand screens, ten thousand idle connections
    Viewers,
    /// What an idle relay adds to Kafka's own time
    Latency,
    /// Processor time of a request, requests a second
    Throughput,
    /// Whether the store's events are on the disk before they are acknowledged
    Durability,
    /// 1 to 1,000 phones
    Growth,
    /// Choices of librdkafka's linger
    Linger,
}

/// Measures, and prints a table.
pub fn run(what: &What) -> anyhow::Result<()> {
    system::ensure()?;
    match what {
        What::Tools(rounds) => tools(rounds),
        What::Micro => micro(),
        What::Relay { rounds, only, save } => relay(rounds, only, *save),
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

fn tools(rounds: &Rounds) -> anyhow::Result<()> {
    stack::ensure_tools()?;
    process::run(
        "Building the tools",
        &mut cargo(&["build", "--release", "--package", "tools", "--bin", "button"]),
    )?;
    process::run(
        "Measuring",
        harness("tools", rounds).env("E2E_BUTTON", paths::target().join("release/button")),
    )
}

fn relay(rounds: &Rounds, only: &[Part], save: bool) -> anyhow::Result<()> {
    stack::ensure_tools()?;
    load::ensure()?;
    page::run()?;
    let geo_database = geo::ensure()?;
    process::run(
        "Building the relay, and what it is compared with",
        &mut cargo(&[
            "build",
            "--release",
            "--package",
            "relay",
            "--bin",
            "relay",
            "--example",
            "bare_axum",
        ]),
    )?;
    let release = paths::target().join("release");
    let parts = only.iter().filter_map(|part| part.to_possible_value());
    let parts: Vec<_> = parts.map(|part| part.get_name().to_owned()).collect();
    let mut bench = harness("relay", rounds);
    bench
        .env("E2E_RELAY", release.join("relay"))
        .env("E2E_DIST", paths::dist())
        .env("BENCH_BARE_AXUM", release.join("examples/bare_axum"))
        .env("BENCH_ONLY", parts.join(","));
    if let Some(database) = geo_database {
        bench.env("E2E_GEO_DATABASE", database);
    }
    if save {
        bench.env("BENCH_SAVE", "1");
    }
    process::run("Measuring", &mut bench)
}

/// One of e2e/benches.
fn harness(name: &str, Rounds { rounds }: &Rounds) -> Command {
    let mut bench = cargo(&["bench", "--package", "e2e", "--all-features", "--bench", name]);
    bench
        .env("BENCH_ROUNDS", rounds.to_string())
        .env("BENCH_RESULTS", paths::target().join("bench"));
    bench
}
