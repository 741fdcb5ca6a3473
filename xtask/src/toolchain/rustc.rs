//! What the compiler says of itself.

use crate::{paths, process};
use anyhow::Context;
use std::process::Command;

/// The target that it makes programs for by itself, as in `x86_64-unknown-linux-gnu`.
pub fn host() -> anyhow::Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV").current_dir(paths::root()))
        .context("rustc does not say what it is")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it makes programs for")?.to_owned())
}
