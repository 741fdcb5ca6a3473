//! `cargo xtask bench`: measurements on release builds.

use super::{page, stack};
use crate::{
    paths, process,
    served::{self, Build, Served},
    slow_phone::{Report, SlowPhone},
    toolchain::{browser, geo, system},
};
use anyhow::Context;
use serde_json::Value;
use std::{fs, process::Command};

/// What Lighthouse measures of the page: the times, by their names as its audits.
const TIMES: [&str; 4] =
    ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "interactive"];

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
    /// When the page is ready, what a press costs it, and how it stands 200 presses a second
    Page {
        /// How often each is measured; the median counts
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
        rounds: u8,
        /// Write the figures to e2e/benches/results/, where the next ones are compared with them
        #[arg(long)]
        save: bool,
    },
}

/// Measures, and prints a table.
pub fn run(what: &What) -> anyhow::Result<()> {
    system::ensure()?;
    match what {
        What::Tools { rounds } => tools(*rounds),
        What::Micro => micro(),
        What::Page { rounds, save } => page(*rounds, *save),
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

fn page(rounds: u8, save: bool) -> anyhow::Result<()> {
    let browsers = browser::ensure()?;
    let phone = SlowPhone::ensure()?;
    page::run()?;
    let served = Served::start(Build::Release, &[])?;
    let reports = phone.visit(&served, &["performance"], rounds)?;
    // The rest has relays of its own.
    drop(served);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("times.json");
    fs::write(&file, times(&reports)?.to_string())?;
    let mut bench = cargo(&[
        "bench",
        "--profile",
        "dev",
        "--all-features",
        "--package",
        "e2e",
        "--bench",
        "page",
    ]);
    browsers.apply(&mut bench);
    bench
        .env("E2E_DIST", paths::dist())
        .env("E2E_RELAY", served::program(Build::Release))
        .env("BENCH_LIGHTHOUSE", &file)
        .env("BENCH_ROUNDS", rounds.to_string());
    if save {
        bench.env("BENCH_SAVE", "1");
    }
    process::run("Measuring", &mut bench)
}

/// Lighthouse's times in milliseconds: for each audit a list with all rounds, in their order.
fn times(reports: &[Report]) -> anyhow::Result<Value> {
    let times = TIMES.map(|audit| {
        let rounds: Option<Vec<f64>> =
            reports.iter().map(|report| report.measured(audit)).collect();
        let rounds = rounds.with_context(|| format!("Lighthouse measured no {audit}"))?;
        Ok((audit.to_owned(), Value::from(rounds)))
    });
    let times: anyhow::Result<serde_json::Map<_, _>> = times.into_iter().collect();
    Ok(times?.into())
}
