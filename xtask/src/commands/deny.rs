//! `cargo xtask deny`: whether what others have written may be in the product, by `deny.toml`.

use crate::{
    paths, process,
    toolchain::{CARGO_DENY, cargo_tool},
};
use std::process::Command;

/// Licences, sources and bans must hold; advisories too, where RustSec's database can be had.
pub fn run() -> anyhow::Result<()> {
    let program = CARGO_DENY.program_in(&[cargo_tool(&CARGO_DENY)?]);
    let deny = |arguments: &[&str]| {
        let mut deny = Command::new(&program);
        deny.args(["--log-level", "error", "--all-features"]).args(arguments);
        deny.current_dir(paths::root());
        deny
    };
    process::run(
        "Licences, sources and bans (deny.toml)",
        &mut deny(&["check", "--show-stats", "licenses", "sources", "bans"]),
    )?;
    if let Err(error) = process::run("Fetching RustSec's database", &mut deny(&["fetch", "db"])) {
        println!("── Not looked up: whether there are advisories against any of it ({error:#})");
        return Ok(());
    }
    process::run("Advisories", &mut deny(&["check", "--disable-fetch", "advisories"]))
}
