//! The log: to standard error, and never with a visitor's address.

use anyhow::Context;
use std::io::IsTerminal;
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The crates whose lines are known to hold no address. Others, the HTTP server among them, write
/// the peer's address at their lower levels, so they are heard only when something is wrong.
const OWN_CRATES: [&str; 2] = ["relay", "schemas"];

/// Starts logging.
pub fn start(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log {filter} is no filter; it takes a level, or part=level separated by commas")
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter.and(filter_fn(may_be_shown)));
    tracing_subscriber::registry().with(lines).init();
    Ok(())
}

fn may_be_shown(metadata: &Metadata<'_>) -> bool {
    let own = OWN_CRATES.iter().any(|name| {
        metadata.target() == *name || metadata.target().starts_with(&format!("{name}::"))
    });
    own || LevelFilter::from_level(Level::WARN) >= *metadata.level()
}
