//! `cargo xtask screenshots`: what the page and the big screen look like, into `docs/`.

use super::page;
use crate::{
    paths, process,
    served::{Build, Served},
    toolchain::{browser, geo, playwright},
};
use anyhow::Context;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const SCRIPT: &str = include_str!("screenshots.mjs");

/// For one run of the script.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// Take the page as it is in dist/, instead of building it
    #[arg(long)]
    built: bool,
    /// Where the pictures go
    #[arg(long, default_value = "docs")]
    into: PathBuf,
    /// Every size and language that is worth a look, not only those of the README
    #[arg(long)]
    all: bool,
}

/// Builds the page and takes the pictures.
pub fn run(options: &Options) -> anyhow::Result<()> {
    browser::ensure()?;
    let playwright = playwright::ensure()?;
    if !options.built {
        page::run(&page::Options::default())?;
    }
    let geo = geo::ensure()?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("screenshots.mjs");
    fs::write(&script, SCRIPT)?;
    let take = |url: &str, which: &str| {
        let mut node = Command::new("node");
        node.arg(&script).arg(&playwright).arg(url).arg(paths::root().join(&options.into));
        process::run_within(LIMIT, &format!("Taking pictures: {which}"), node.arg(which))
    };
    // The script says in a header where its visitor is.
    // Hours of visits come at once.
    let mut arguments: Vec<&OsStr> =
        ["--trusted-proxies=127.0.0.1", "--events=0", "--new-sessions=0"].map(OsStr::new).to_vec();
    if let Some(geo) = &geo {
        arguments.extend([OsStr::new("--geo-database"), geo.as_os_str()]);
    }
    {
        let relay = Served::start(Build::Debug, &arguments)?;
        take(relay.url(), if options.all { "all" } else { "few" })?;
    }
    let relay = Served::start(Build::Debug, &arguments)?;
    let _visitors = visits(relay.url(), geo.as_deref())?;
    take(relay.url(), "live")
}

/// Visits all over the world, first some hours of them, then some that happen while the pictures are
/// taken; through the relay, which takes the visitors' addresses from the header.
fn visits(url: &str, geo: Option<&Path>) -> anyhow::Result<Visitors> {
    let build = ["build", "--package", "tools", "--bin", "button"];
    let mut cargo = Command::new("cargo");
    process::run("Building the tools", cargo.args(build).current_dir(paths::root()))?;
    let generate = |more: &[&str]| {
        let mut button = Command::new(paths::target().join("debug/button"));
        // In no folder of somebody's: a `.env` there may name their Kafka.
        button.current_dir(paths::target()).env_clear();
        button.args(["generate", "--seed", "5", "--relay", url]).args(more);
        if let Some(geo) = geo {
            button.arg("--geo-database").arg(geo);
        }
        button
    };
    process::run("Making visits", &mut generate(&["--sessions", "1500", "--since", "3h"]))?;
    let mut forever = generate(&["--forever", "--rate", "12"]);
    let going_on = forever.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Ok(Visitors(going_on.context("cannot start the tools")?))
}

/// Visitors who come and go until this is dropped.
struct Visitors(Child);

impl Drop for Visitors {
    fn drop(&mut self) {
        process::terminate(self.0.id());
        // It ended, or never will: nothing more can be done here.
        let _ = self.0.wait();
    }
}
