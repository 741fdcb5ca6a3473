//! `cargo xtask renew`: what is written down twice, written anew from where it is stated first.
//!
//! The tests that compare such a copy with its source can also write it; this is the short way to
//! ask them to.

use crate::{paths, process, toolchain::system};
use std::process::Command;

/// The tests write instead of comparing when this is set.
const VARIABLE: &str = "KAFKA_BUTTON_RENEW";

/// Writes them; what changed is for git to show.
pub fn run() -> anyhow::Result<()> {
    system::ensure()?;
    // The list of fields first: the documents have it too.
    for arguments in [
        &["test", "--package", "schemas", "--all-features", "--test", "copies"][..],
        &["test", "--package", "docs"],
    ] {
        let mut test = Command::new("cargo");
        test.args(arguments).arg("--quiet").env(VARIABLE, "1").current_dir(paths::root());
        process::run(&format!("cargo {}", arguments.join(" ")), &mut test)?;
    }
    println!("`git diff` shows what is new.");
    Ok(())
}
