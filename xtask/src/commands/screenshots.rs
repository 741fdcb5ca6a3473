//! `cargo xtask screenshots`: what the page looks like, into `docs/`.

use super::page;
use crate::{
    paths, process,
    toolchain::{browser, geo, playwright},
};
use anyhow::{Context, bail};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const SCRIPT: &str = include_str!("screenshots.mjs");

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
        page::run()?;
    }
    let relay = Relay::start()?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("screenshots.mjs");
    fs::write(&script, SCRIPT)?;
    process::run_within(
        Duration::from_secs(5 * 60),
        "Taking pictures",
        Command::new("node")
            .arg(script)
            .arg(playwright)
            .arg(&relay.url)
            .arg(paths::root().join(&options.into))
            .arg(if options.all { "all" } else { "few" }),
    )
}

/// A relay that serves the built page, with a store that goes with it.
pub struct Relay {
    /// Where the page is.
    pub url: String,
    process: Child,
    _store: tempfile::TempDir,
}

impl Relay {
    /// Builds and starts it.
    pub fn start() -> anyhow::Result<Self> {
        process::run(
            "Building the relay",
            Command::new("cargo")
                .args(["build", "--package", "relay", "--all-features"])
                .current_dir(paths::root()),
        )?;
        let address = free_address()?;
        let store = tempfile::tempdir()?;
        let mut relay = Command::new(paths::target().join("debug/relay"));
        // In a folder of its own: a `.env` here may name somebody's Kafka.
        relay
            .current_dir(store.path())
            .env_clear()
            .args(["--listen", &address.to_string(), "--store", "presses.sqlite"])
            .arg("--static-dir")
            .arg(paths::dist())
            .stdout(Stdio::null());
        if let Some(geo) = geo::ensure()? {
            relay.arg("--geo-database").arg(geo).arg("--pretend-local");
        }
        let process = relay.spawn().context("cannot start the relay")?;
        let relay = Self { url: format!("http://{address}/"), process, _store: store };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(30) {
                bail!("the relay does not listen at {address}");
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        process::terminate(self.process.id());
        // It ended, or never will: nothing more can be done here.
        let _ = self.process.wait();
    }
}

/// An address on this machine that nobody uses.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
