//! `cargo xtask deny`: licences, sources, bans and advisories of all dependencies, by `deny.toml`.

use crate::{
    paths, process,
    steps::Outcome,
    toolchain::{CARGO_DENY, cargo_tool},
};
use anyhow::{Context, bail};
use std::{path::PathBuf, process::Command};

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Fail, too, where RustSec's database cannot be fetched and advisories are not checked
    #[arg(long)]
    require_advisories: bool,
}

/// Checks everything.
///
/// # Errors
/// If something is found, or if advisories are not checked and have to be.
pub fn run(options: &Options) -> anyhow::Result<()> {
    licences()?;
    match advisories()? {
        Outcome::Checked => Ok(()),
        Outcome::NotChecked(what) if options.require_advisories => bail!("not checked: {what}"),
        Outcome::NotChecked(what) => {
            println!("\n━━ Not checked: {what}");
            Ok(())
        }
    }
}

/// Checks licences, sources and bans, which needs no network.
///
/// # Errors
/// If one of them is not as `deny.toml` requires.
pub fn licences() -> anyhow::Result<()> {
    let arguments = ["check", "--show-stats", "licenses", "sources", "bans"];
    process::run("Licences, sources and bans (deny.toml)", deny()?.args(arguments))
}

/// Checks advisories and yanked versions if RustSec's database can be fetched.
///
/// # Errors
/// If there is an advisory or a yanked version, or if whether there is cannot be found out although the
/// database is there.
pub fn advisories() -> anyhow::Result<Outcome> {
    println!("── Fetching RustSec's database");
    let fetch = deny()?.args(["fetch", "db"]).output().context("cannot start cargo-deny")?;
    if !fetch.status.success() {
        let output = String::from_utf8_lossy(&fetch.stderr);
        print!("{output}");
        // Anything else is a fault of the command.
        if !output.contains("failed to fetch advisory database") {
            bail!("cargo deny fetch db ended with {}", fetch.status);
        }
        let what = "advisories and yanked versions, as RustSec's database cannot be fetched";
        return Ok(Outcome::NotChecked(what.to_owned()));
    }
    // By default it is a warning if the registry does not answer whether versions are yanked.
    let arguments = ["check", "--deny", "index-failure", "--show-stats", "advisories"];
    process::run("Advisories and yanked versions", deny()?.args(arguments))?;
    Ok(Outcome::Checked)
}

fn deny() -> anyhow::Result<Command> {
    let folders: [PathBuf; 1] = [cargo_tool(&CARGO_DENY)?];
    let mut deny = Command::new(CARGO_DENY.program_in(&folders));
    deny.args(["--log-level", "error", "--all-features"]).current_dir(paths::root());
    Ok(deny)
}
