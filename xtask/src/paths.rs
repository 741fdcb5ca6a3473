//! Where things are.

use anyhow::Context;
use std::{env, path::PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// The built page.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// What is downloaded or built once for all checkouts: `$KAFKA_BUTTON_CACHE`, else
/// `kafka-button` in `$XDG_CACHE_HOME` or `~/.cache`.
pub fn cache() -> anyhow::Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("KAFKA_BUTTON_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("kafka-button")))
        .or_else(|| Some(set("HOME")?.join(".cache/kafka-button")))
        .context("there is no HOME to keep tools in; set KAFKA_BUTTON_CACHE to a folder")
}

/// The folder of one tool in one version, in the cache.
pub fn tool(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    Ok(cache()?.join("tools").join(format!("{name}-{version}")))
}
