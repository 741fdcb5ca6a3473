//! The log: to standard error, and never with a visitor's address.

use anyhow::Context;
use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
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

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people: time, level, part, what happened.
    #[default]
    Text,
    /// For programs: a JSON object in each line, with `timestamp` (RFC 3339, UTC), `level`, `target`,
    /// `message`, and what belongs to the message beside it. Options that cannot be read are told as
    /// text even so, as that is how one learns of it.
    Json,
}

/// Starts logging.
///
/// # Errors
/// If the filter is none.
pub fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log {filter} is no filter; it takes a level, or part=level separated by commas")
    })?;
    // Without the hint, every line of every library would be made and only then thrown away.
    let may_be_shown = match filter.max_level_hint() {
        Some(level) => filter_fn(may_be_shown).with_max_level_hint(level),
        None => filter_fn(may_be_shown),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter.and(may_be_shown))).init();
    Ok(())
}

fn may_be_shown(metadata: &Metadata<'_>) -> bool {
    let own = OWN_CRATES.iter().any(|name| {
        metadata.target() == *name || metadata.target().starts_with(&format!("{name}::"))
    });
    own || LevelFilter::from_level(Level::WARN) >= *metadata.level()
}

/// Lets one line of many that say the same through, so that a failure of every request does not
/// become a flood of its own.
pub struct Throttle {
    every: Duration,
    state: Mutex<State>,
}

struct State {
    last: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// One line in this time.
    pub const fn every(every: Duration) -> Self {
        Self { every, state: Mutex::new(State { last: None, unsaid: 0 }) }
    }

    /// Whether a line may be written now; if so, how many were not since the last one.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.every) {
            state.unsaid += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_many_is_let_through_and_the_others_are_counted() {
        let throttle = Throttle::every(Duration::from_secs(5));
        let start = Instant::now();
        let seconds = [0, 1, 4, 5, 6, 20].map(|s| throttle.admit(start + Duration::from_secs(s)));
        assert_eq!(seconds, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
