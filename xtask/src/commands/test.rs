//! `cargo xtask test`: all tests, the quick ones first.

use super::{page, size};
use crate::{
    paths, process,
    toolchain::{Page, browser, geo, java, system},
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out what needs a browser, Java or the built page
    #[arg(long)]
    fast: bool,
}

/// Runs them; stops at the first that fails.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut steps = Steps(Vec::new());
    steps.run("Formatting", || cargo(&["fmt", "--all", "--check"]))?;
    steps.run("What building needs", system::ensure)?;
    steps.run("Lints", || {
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
    })?;
    steps.run("Unit and property tests", || {
        cargo(&[
            "test",
            "--workspace",
            "--all-features",
            "--exclude",
            "e2e",
            "--exclude",
            "local-stack",
        ])
    })?;
    if !options.fast {
        steps.run("What the page needs", || Page::ensure().map(drop))?;
        steps.run("The page", page::run)?;
        steps.run("The page's size", size::run)?;
        steps.run("What the tests of the whole need", || {
            browser::ensure()?;
            java::ensure()
        })?;
        let mut geo_database = None;
        steps.run("A geo database", || {
            geo_database = geo::ensure()?;
            Ok(())
        })?;
        steps.run("The relay", || {
            cargo(&["build", "--workspace", "--all-features", "--bin", "relay"])
        })?;
        steps.run("Tests with a real Kafka, and of the whole", || {
            let mut tests = Command::new("cargo");
            tests
                .args(["test", "--all-features", "--package", "local-stack", "--package", "e2e"])
                .current_dir(paths::root())
                .env("E2E_DIST", paths::dist())
                .env("E2E_RELAY", paths::target().join("debug/relay"));
            if let Some(geo_database) = &geo_database {
                tests.env("E2E_GEO_DATABASE", geo_database);
            }
            process::run("cargo test", &mut tests)
        })?;
    }
    steps.summary();
    Ok(())
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let heading = format!("cargo {}", arguments.join(" "));
    process::run(&heading, Command::new("cargo").args(arguments).current_dir(paths::root()))
}

/// The steps so far and how long each took.
struct Steps(Vec<(&'static str, Duration)>);

impl Steps {
    fn run(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("\n━━ {name}");
        let start = Instant::now();
        step()?;
        self.0.push((name, start.elapsed()));
        Ok(())
    }

    fn summary(&self) {
        println!("\n━━ All passed");
        for (name, took) in &self.0 {
            println!("{:>6} s  {name}", took.as_secs());
        }
    }
}
