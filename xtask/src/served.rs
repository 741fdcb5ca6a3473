//! The built page as the relay serves it, on a port of its own, for measurements and pictures.

use crate::{
    paths,
    process::{self, terminate},
};
use anyhow::{Context, bail};
use std::{
    ffi::OsStr,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const READY_WITHIN: Duration = Duration::from_secs(30);

/// What the relay prints before its address.
const LISTENING: &str = "relay: listening on ";

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// To be measured.
    Release,
    /// To be looked at, sooner.
    Debug,
}

/// The relay's program, once it is built.
pub fn program(build: Build) -> PathBuf {
    paths::target().join(match build {
        Build::Release => "release/relay",
        Build::Debug => "debug/relay",
    })
}

/// A relay with the page and an empty store. It ends when this is dropped.
pub struct Served {
    relay: Child,
    url: String,
    // Its store and what it prints; removed with it.
    _folder: TempDir,
}

impl Served {
    /// Builds the relay and starts it with these options too; the page has to be built.
    pub fn start(build: Build, options: &[&OsStr]) -> anyhow::Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--package", "relay", "--bin", "relay"]).current_dir(paths::root());
        if build == Build::Release {
            cargo.arg("--release");
        }
        process::run("Building the relay", &mut cargo)?;
        let folder = tempfile::tempdir()?;
        let output = folder.path().join("output");
        let log = File::create(folder.path().join("log"))?;
        let mut relay = Command::new(program(build))
            .args(["--listen", "127.0.0.1:0", "--management-listen", "off"])
            .args(["--store", "store.sqlite", "--static-dir"])
            .arg(paths::dist())
            .args(options)
            // What somebody has set for the real one is not meant for this one.
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(log)
            .spawn()
            .context("cannot start the relay")?;
        let start = Instant::now();
        let url = loop {
            let printed = fs::read_to_string(&output)?;
            let address = printed.lines().find_map(|line| line.strip_prefix(LISTENING));
            if let Some(address) = address {
                break format!("{address}/");
            }
            if relay.try_wait()?.is_some() || start.elapsed() > READY_WITHIN {
                let said = fs::read_to_string(folder.path().join("log"))?;
                bail!("the relay does not serve the page:\n{said}");
            }
            thread::sleep(Duration::from_millis(20));
        };
        Ok(Self { relay, url, _folder: folder })
    }

    /// The page's address.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        terminate(self.relay.id());
        let _ = self.relay.wait();
    }
}
