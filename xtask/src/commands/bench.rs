//! `cargo xtask bench`: measurements on release builds.

use super::{page, stack};
use crate::{
    paths, process,
    served::{self, Build, Served},
    slow_phone::{Report, SlowPhone},
    toolchain::{browser, geo, load, system},
};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value;
use std::{fs, process::Command};

/// What Lighthouse measures of the page: the times, by their names as its audits.
const TIMES: [&str; 4] =
    ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "interactive"];

/// Rounds of each measurement.
const DEFAULT_ROUNDS: u8 = 5;

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: Option<What>,
}

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
    /// When the page is ready, what a press costs it, and how it stands 200 presses a second
    Page {
        #[command(flatten)]
        rounds: Rounds,
        /// Take the figures as those that later ones are compared with: e2e/benches/results/page.json
        #[arg(long)]
        save: bool,
    },
}

/// How often.
#[derive(clap::Args)]
pub struct Rounds {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = DEFAULT_ROUNDS, value_parser = clap::value_parser!(u8).range(1..))]
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
    /// Where the processor time goes, by `perf`; only if it is asked for
    Profile,
}

/// Measures, and prints tables; see BENCHMARKS.md.
pub fn run(options: &Options) -> anyhow::Result<()> {
    system::ensure()?;
    match &options.what {
        Some(What::Tools(rounds)) => tools(rounds),
        Some(What::Micro) => micro(),
        Some(What::Relay { rounds, only, save }) => relay(rounds, only, *save),
        Some(What::Page { rounds, save }) => page(rounds, *save),
        None => {
            let rounds = Rounds { rounds: DEFAULT_ROUNDS };
            micro()?;
            tools(&rounds)?;
            relay(&rounds, &[], false)?;
            page(&rounds, false)
        }
    }
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(paths::root());
    cargo
}

/// With a real geo database if one can be had, and the tests' small one otherwise.
fn micro() -> anyhow::Result<()> {
    let mut bench = cargo(&["bench", "--package", "e2e", "--bench", "press"]);
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
        harness("tools", "dev", rounds).env("E2E_BUTTON", paths::target().join("release/button")),
    )
}

fn relay(rounds: &Rounds, only: &[Part], save: bool) -> anyhow::Result<()> {
    stack::ensure_tools()?;
    load::ensure()?;
    page::run(&page::Options::default())?;
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
            "--package",
            "e2e",
            "--example",
            "bare_axum",
        ]),
    )?;
    let release = paths::target().join("release");
    let parts = only.iter().filter_map(|part| part.to_possible_value());
    let parts: Vec<_> = parts.map(|part| part.get_name().to_owned()).collect();
    let mut bench = harness("relay", "bench", rounds);
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

fn page(rounds: &Rounds, save: bool) -> anyhow::Result<()> {
    let browsers = browser::ensure()?;
    let phone = SlowPhone::ensure()?;
    page::run(&page::Options::default())?;
    let served = Served::start(Build::Release, &[])?;
    let reports = phone.visit(&served, &["performance"], rounds.rounds)?;
    // The rest has relays of its own.
    drop(served);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("times.json");
    fs::write(&file, times(&reports)?.to_string())?;
    let mut bench = harness("page", "dev", rounds);
    browsers.apply(&mut bench);
    bench
        .env("E2E_DIST", paths::dist())
        .env("E2E_RELAY", served::program(Build::Release))
        .env("BENCH_LIGHTHOUSE", &file);
    if save {
        bench.env("BENCH_SAVE", "1");
    }
    process::run("Measuring", &mut bench)
}

/// One of e2e/benches, in the profile that it needs: `dev` where it only starts what is measured.
fn harness(name: &str, profile: &str, Rounds { rounds }: &Rounds) -> Command {
    let mut bench = cargo(&["bench", "--package", "e2e", "--all-features", "--bench", name]);
    bench
        .args(["--profile", profile])
        .env("BENCH_ROUNDS", rounds.to_string())
        .env("BENCH_RESULTS", paths::target().join("bench"));
    bench
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
