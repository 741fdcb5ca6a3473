//! `cargo xtask test`: all tests, the quick ones first.

use super::{deny, page, sbom, size, stack};
use crate::{
    paths, process,
    toolchain::{Page, axe, browser, clickhouse, geo, grafana_schema, system, web_servers},
};
use anyhow::bail;
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
    /// Kill, cut and fill up for longer: 20 rounds instead of 2, minutes instead of seconds
    #[arg(long, conflicts_with = "fast")]
    long: bool,
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
    steps.run("The code's own pages, without warnings", || {
        let doc = ["doc", "--workspace", "--all-features", "--no-deps", "--quiet"];
        let mut cargo = Command::new("cargo");
        cargo.args(doc).env("RUSTDOCFLAGS", "-D warnings").current_dir(paths::root());
        process::run(&format!("cargo {}", doc.join(" ")), &mut cargo)
    })?;
    // Each once, without measuring, so that they keep working.
    steps.run("The relay's benchmarks, once", || {
        cargo(&["test", "--all-features", "--package", "relay", "--bench", "press"])
    })?;
    if !options.fast {
        let mut page_tools = None;
        steps.run("What the page needs", || {
            let tools = Page::ensure()?;
            if tools.squeezers().is_none() {
                bail!(
                    "the page cannot be made as small as it has to be: install Node.js with npm from https://nodejs.org"
                );
            }
            page_tools = Some(tools);
            Ok(())
        })?;
        steps.run("The page", || page::run(&page::Options::default()))?;
        steps.run("The page's size", size::run)?;
        let (mut browsers, mut axe, mut servers) = (None, None, Vec::new());
        let (mut clickhouse, mut grafana_schema) = (None, None);
        steps.run("What the tests of the whole need", || {
            browsers = Some(browser::ensure()?);
            axe = Some(axe::ensure()?);
            servers = web_servers::ensure()?;
            clickhouse = clickhouse::ensure()?;
            grafana_schema = Some(grafana_schema::ensure()?);
            stack::ensure_tools()
        })?;
        if let (Some(page), Some(driver)) = (&page_tools, browser::chromedriver()) {
            steps.run("The page's seams, in a browser", || {
                let mut test = page.cargo_test(&driver);
                test.args(["--package", "frontend", "--test", "browser"]);
                process::run("cargo test --package frontend --test browser", &mut test)
            })?;
        }
        steps.run("What others have written", || {
            deny::run()?;
            sbom::check()
        })?;
        let mut geo_database = None;
        steps.run("A geo database", || {
            geo_database = geo::ensure()?;
            Ok(())
        })?;
        steps.run("The relay and the tools", || {
            cargo(&["build", "--workspace", "--all-features", "--bin", "relay", "--bin", "button"])
        })?;
        let test = |arguments: &[&str]| {
            let mut test = Command::new("cargo");
            test.args(["test", "--all-features"])
                .args(arguments)
                .current_dir(paths::root())
                .env("E2E_DIST", paths::dist())
                .env("E2E_RELAY", paths::target().join("debug/relay"))
                .env("E2E_BUTTON", paths::target().join("debug/button"));
            if let Some(browsers) = &browsers {
                browsers.apply(&mut test);
            }
            process::add_to_path(&mut test, &servers);
            if let Some(axe) = &axe {
                test.env("E2E_AXE", axe);
            }
            if let Some(geo_database) = &geo_database {
                test.env("E2E_GEO_DATABASE", geo_database);
            }
            if let Some(clickhouse) = &clickhouse {
                test.env("E2E_CLICKHOUSE", clickhouse);
            }
            if let Some(grafana_schema) = &grafana_schema {
                test.env("E2E_GRAFANA_SCHEMA", grafana_schema);
            }
            if options.long {
                test.env("E2E_LONG", "1");
            }
            process::run(&format!("cargo test {}", arguments.join(" ")), &mut test)
        };
        steps.run("Tests of the local stack", || test(&["--package", "local-stack"]))?;
        let e2e = ["--package", "e2e"];
        steps.run("Tests of the whole, in browsers", || {
            let others =
                ["button", "relay", "hosting", "live", "live_page", "operations", "privacy"]
                    .map(|test| ["--test", test])
                    .concat();
            test(&[&e2e[..], &["--lib"], &others].concat())
        })?;
        steps.run("The relay among people who mean no good", || {
            test(&[&e2e[..], &["--test", "hostile", "--", "--nocapture"]].concat())
        })?;
        steps.run("Tests of the tools, on real servers", || {
            test(&[&e2e[..], &["--test", "tools", "--", "--nocapture"]].concat())
        })?;
        steps.run("How long a press takes to another screen", || {
            test(&[&e2e[..], &["--test", "latency", "--", "--nocapture"]].concat())
        })?;
        steps.run("A big screen that is open for days", || {
            test(&[&e2e[..], &["--test", "days", "--", "--nocapture"]].concat())
        })?;
        steps.run("Tests of the dashboards, on real servers", || {
            test(&[&e2e[..], &["--test", "dashboards", "--", "--nocapture"]].concat())
        })?;
        steps.run("Tests of ClickHouse, on real servers", || {
            test(&[&e2e[..], &["--test", "clickhouse", "--", "--nocapture"]].concat())
        })?;
        steps.run("Tests of the whole pipeline, on real servers", || {
            test(&[&e2e[..], &["--test", "pipeline", "--", "--nocapture"]].concat())
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
