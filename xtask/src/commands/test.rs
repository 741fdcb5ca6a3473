//! `cargo xtask test`: all tests.
//!
//! Two things happen side by side after the build: tests on real servers, which mostly wait, and all that
//! computes (the page, lints, documentation, browsers).

use super::{deny, page, sbom, size, stack};
use crate::{
    browser_test,
    held_stack::HeldStack,
    paths, process,
    steps::Steps,
    test_build::{SELECTION, TestBuild},
    toolchain::{
        Browsers, Page, axe, browser, clickhouse, geo, grafana_schema, system, web_servers,
    },
};
use anyhow::ensure;
use std::{path::PathBuf, process::Command};

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out what needs a browser, Java or the built page
    #[arg(long)]
    fast: bool,
    /// Kill, cut and fill up for longer, and run what needs long or a quiet machine too (statistics,
    /// endurance): about an hour
    #[arg(long, conflicts_with = "fast")]
    long: bool,
}

/// Runs them, and prints how long each step took, on failure too.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    let outcome = if options.fast { fast(&mut steps) } else { all(&mut steps, options.long) };
    println!("{}", steps.summary());
    outcome
}

fn fast(steps: &mut Steps) -> anyhow::Result<()> {
    build_tools(steps)?;
    lints(steps)?;
    let tests = build(steps)?;
    native(steps, &tests)?;
    documentation(steps)
}

fn all(steps: &mut Steps, long: bool) -> anyhow::Result<()> {
    build_tools(steps)?;
    let needs = steps.run("What the tests on servers need", ServerNeeds::ensure)?;
    let tests = build(steps)?;
    let mut stack = HeldStack::start()?;
    native(steps, &tests)?;
    steps.run("A local stack for the tests that can share one", || stack.wait_until_ready())?;
    let test = |profile| {
        let mut run = tests.run(profile);
        needs.apply(&mut run);
        run.env("E2E_STACK", stack.folder());
        if long {
            run.env("E2E_LONG", "1");
        }
        run
    };
    let servers = steps.start("Tests on real servers", &mut test("servers"))?;
    // They wait, and press on while they wait: the longer they are kept waiting, the more they compute.
    process::lower_priority();
    let beside = all_but_servers(steps, &test);
    // Its result matters too when the other has failed.
    let servers = steps.wait(servers);
    let page_needs = beside?;
    servers?;
    if long {
        let ignored = |profile| {
            let mut run = test(profile);
            page_needs.apply(&mut run);
            run.args(["--run-ignored=only", "--test-threads=1", "--success-output=immediate"]);
            process::run("nextest", &mut run)
        };
        steps.run("A cluster of three brokers", || ignored("servers"))?;
        steps.run("Statistics and endurance, one after the other", || ignored("page"))?;
    }
    Ok(())
}

/// What computes. Returns what the tests of the page need.
fn all_but_servers(
    steps: &mut Steps,
    test: &impl Fn(&'static str) -> Command,
) -> anyhow::Result<PageNeeds> {
    let needs = steps.run("What the tests of the page need", PageNeeds::ensure)?;
    steps.run("The page, and its size", || {
        page::run(&page::Options::default())?;
        size::run()
    })?;
    if let Some(driver) = browser::chromedriver() {
        steps
            .run("The page's bindings, in a browser", || browser_test::run(&needs.page, &driver))?;
    }
    steps.run("Tests of the relay and the page", || {
        let mut run = test("page");
        needs.apply(&mut run);
        process::run("nextest", &mut run)
    })?;
    lints(steps)?;
    documentation(steps)?;
    steps.run("Dependencies: licences, sources, SBOM", || {
        deny::licences()?;
        sbom::check()
    })?;
    steps.run_check("Dependencies: advisories, yanked versions", deny::advisories)?;
    Ok(needs)
}

fn build_tools(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("Formatting", || cargo(&["fmt", "--all", "--check"]))?;
    steps.run("What building needs", system::ensure)
}

fn lints(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("Lints", || {
        cargo(&[&["clippy"], &SELECTION[..], &["--all-targets", "--", "-D", "warnings"]].concat())
    })
}

fn build(steps: &mut Steps) -> anyhow::Result<TestBuild> {
    steps.run("Programs and tests: the build", TestBuild::new)
}

/// The tests that need nothing else.
fn native(steps: &mut Steps, tests: &TestBuild) -> anyhow::Result<()> {
    steps.run("Unit and property tests", || process::run("nextest", &mut tests.run("native")))
}

fn documentation(steps: &mut Steps) -> anyhow::Result<()> {
    // Each once, without measuring, so that they keep working. cargo-nextest runs neither of these.
    steps.run("The relay's benchmarks, once, and examples in the documentation", || {
        cargo(&[&["test"], &SELECTION[..], &["--bench", "press"]].concat())?;
        cargo(&[&["test"], &SELECTION[..], &["--doc", "--quiet"]].concat())
    })?;
    steps.run("Documentation without warnings", || {
        let doc = [&["doc"], &SELECTION[..], &["--no-deps", "--quiet"]].concat();
        let mut cargo = Command::new("cargo");
        cargo.args(&doc).env("RUSTDOCFLAGS", "-D warnings").current_dir(paths::root());
        process::run(&format!("cargo {}", doc.join(" ")), &mut cargo)
    })
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let heading = format!("cargo {}", arguments.join(" "));
    process::run(&heading, Command::new("cargo").args(arguments).current_dir(paths::root()))
}

/// What the tests on servers need; those of the page need it too.
struct ServerNeeds {
    clickhouse: Option<PathBuf>,
    grafana_schema: PathBuf,
    geo_database: Option<PathBuf>,
}

impl ServerNeeds {
    fn ensure() -> anyhow::Result<Self> {
        stack::ensure_tools()?;
        Ok(Self {
            clickhouse: clickhouse::ensure()?,
            grafana_schema: grafana_schema::ensure()?,
            geo_database: geo::ensure()?,
        })
    }

    fn apply(&self, test: &mut Command) {
        test.env("E2E_RELAY", paths::target().join("debug/relay"))
            .env("E2E_BUTTON", paths::target().join("debug/button"))
            .env("E2E_GRAFANA_SCHEMA", &self.grafana_schema);
        if let Some(clickhouse) = &self.clickhouse {
            test.env("E2E_CLICKHOUSE", clickhouse);
        }
        if let Some(geo_database) = &self.geo_database {
            test.env("E2E_GEO_DATABASE", geo_database);
        }
    }
}

/// What builds the page, and what its tests need.
struct PageNeeds {
    page: Page,
    browsers: Browsers,
    axe: PathBuf,
    web_servers: Vec<PathBuf>,
}

impl PageNeeds {
    fn ensure() -> anyhow::Result<Self> {
        let page = Page::ensure()?;
        ensure!(
            page.optimizers().is_some(),
            "the page cannot be made as small as it has to be: install Node.js with npm from https://nodejs.org"
        );
        Ok(Self {
            page,
            browsers: browser::ensure()?,
            axe: axe::ensure()?,
            web_servers: web_servers::ensure()?,
        })
    }

    fn apply(&self, test: &mut Command) {
        test.env("E2E_DIST", paths::dist()).env("E2E_AXE", &self.axe);
        self.browsers.apply(test);
        process::add_to_path(test, &self.web_servers);
    }
}
