//! `cargo xtask renew`: what is written down twice, written anew from where it is stated first.
//!
//! The tests that compare such a copy with its source can also write it; this is the short way to
//! ask them to.

use crate::{paths, process, test_build::SELECTION, toolchain::system};
use std::process::Command;

/// The tests write instead of comparing when this is set.
const VARIABLE: &str = "KAFKA_BUTTON_RENEW";

/// Writes them; what changed is for git to show.
pub fn run() -> anyhow::Result<()> {
    system::ensure()?;
    // The list of fields first: the documents have it too.
    for name in ["copies", "documents"] {
        let mut test = Command::new("cargo");
        test.arg("test").args(SELECTION).args(["--quiet", "--test", name]);
        test.env(VARIABLE, "1").current_dir(paths::root());
        process::run(&format!("Renewing {name}"), &mut test)?;
    }
    println!("`git diff` shows what is new.");
    Ok(())
}
