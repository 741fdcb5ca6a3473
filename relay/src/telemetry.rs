//! The log and the panic hook, neither of which shows a client's address.

use anyhow::Context;
use std::{
    any::Any,
    backtrace::Backtrace,
    io::IsTerminal,
    panic,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The crates that never log an address. All others log from warnings up: the HTTP server, for one, logs
/// the peer's address at its lower levels.
const OWN_CRATES: [&str; 6] =
    ["event_store", "geo_ip", "kafka_client", "live_stats", "relay", "schemas"];

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines with time, level, target and message.
    #[default]
    Text,
    /// For programs: a JSON object on each line, with `timestamp` (RFC 3339, UTC), `level`, `target`,
    /// `message`, and the message's fields beside it. Errors in the options are still text, since the format
    /// is one of them.
    Json,
}

/// Starts the log on standard error, and logs panics to it.
///
/// # Errors
/// If the filter is not valid.
pub fn init(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log {filter} is not a filter; use a level, or target=level separated by commas")
    })?;
    // Without the hint, disabled events of every crate would be built and then discarded.
    let is_safe = match filter.max_level_hint() {
        Some(level) => filter_fn(is_safe).with_max_level_hint(level),
        None => filter_fn(is_safe),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter.and(is_safe))).init();
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        // Captured if RUST_BACKTRACE is set.
        let backtrace = Backtrace::capture().to_string();
        tracing::error!(location, backtrace, "panicked: {}", panic_message(panic.payload()));
    }));
    Ok(())
}

/// Whether an event cannot hold an address.
fn is_safe(metadata: &Metadata<'_>) -> bool {
    let is_own = |name| {
        let rest = metadata.target().strip_prefix(name);
        rest.is_some_and(|rest: &str| rest.is_empty() || rest.starts_with("::"))
    };
    OWN_CRATES.into_iter().any(is_own) || *metadata.level() <= Level::WARN
}

/// The message of a panic, if it is a literal. A formatted one can hold any value, an address among them.
fn panic_message(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref().copied().unwrap_or("the message is formatted, and suppressed")
}

/// Limits repeated log lines, so that a failure of each request does not flood the log.
pub struct Throttle {
    interval: Duration,
    state: Mutex<ThrottleState>,
}

struct ThrottleState {
    last: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// At most one line in each interval.
    pub const fn every(interval: Duration) -> Self {
        Self { interval, state: Mutex::new(ThrottleState { last: None, suppressed: 0 }) }
    }

    /// Whether to log now: the number of lines suppressed since the last one, or `None` to suppress this.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < self.interval) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::{
        net::{IpAddr, SocketAddr},
        process::Command,
    };

    #[test]
    fn throttle_admits_one_line_and_counts_suppressed_ones() {
        let throttle = Throttle::every(Duration::from_secs(5));
        let start = Instant::now();
        let admitted = [0, 1, 4, 5, 6, 20].map(|s| throttle.admit(start + Duration::from_secs(s)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    /// In a process of its own, since the hook and the log are global.
    #[test]
    fn panic_is_logged_as_json_without_address() {
        const CHILD: &str = "RELAY_TEST_PANICS";
        if std::env::var_os(CHILD).is_some() {
            init("info", LogFormat::Json).unwrap();
            assert!(panic::catch_unwind(|| panic!("a literal")).is_err());
            let peer: SocketAddr = "198.51.100.77:1234".parse().unwrap();
            assert_eq!(Some(peer), None, "[2001:db8::7] was there");
        }
        let name = "telemetry::tests::panic_is_logged_as_json_without_address";
        let child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .envs([(CHILD, "1"), ("RUST_BACKTRACE", "full")])
            .output()
            .unwrap();
        assert!(!child.status.success());
        let output = String::from_utf8([child.stdout, child.stderr].concat()).unwrap();
        assert!(!output.contains("198.51.100.77") && !output.contains("2001:db8"), "{output}");
        let lines = output.lines().filter(|line| line.contains("panicked: "));
        let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
        let suppressed = "panicked: the message is formatted, and suppressed";
        assert_eq!(messages, ["panicked: a literal", suppressed], "{output}");
        for line in lines {
            assert!(line["location"].as_str().unwrap().contains("telemetry.rs:"), "{line}");
            assert!(line["backtrace"].as_str().unwrap().contains("telemetry::tests"), "{line}");
        }
    }

    proptest! {
        #[test]
        fn formatted_panic_message_is_never_shown(text: String, address: IpAddr) {
            for text in [format!("{text}{address}"), format!("{address:?}"), text] {
                let message = panic_message(&text);
                prop_assert_eq!(message, "the message is formatted, and suppressed");
            }
        }
    }
}
