//! Where things are.

use anyhow::Context;
use std::{
    env,
    path::{self, PathBuf},
};

/// The repository.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// The built page.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Cargo's target folder. This command is in `debug` in it, wherever `CARGO_TARGET_DIR` or cargo's
/// configuration put it.
pub fn target() -> PathBuf {
    let own = env::current_exe().ok();
    let found = own.and_then(|own| Some(own.parent()?.parent()?.to_owned()));
    found.unwrap_or_else(|| root().join("target"))
}

/// What is downloaded or built once for all checkouts: `$KAFKA_BUTTON_CACHE`, else
/// `kafka-button` in `$XDG_CACHE_HOME` or `~/.cache`.
pub fn cache() -> anyhow::Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("KAFKA_BUTTON_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("kafka-button")))
        .or_else(|| Some(set("HOME")?.join(".cache/kafka-button")))
        .context("there is no HOME to keep tools in; set KAFKA_BUTTON_CACHE to a folder")?;
    // The programs that are told about it run in other folders than this one.
    Ok(path::absolute(folder)?)
}

/// The folder of one tool in one version, in the cache.
pub fn tool(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    Ok(cache()?.join("tools").join(format!("{name}-{version}")))
}
