//! Log and panic hook, neither of which shows a client's address.

use anyhow::Context;
use std::{
    backtrace::Backtrace,
    io::IsTerminal,
    panic,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// The crates that never log an address. All others log from warnings up: the HTTP server, for one, logs
/// the peer's address at its lower levels.
const OWN_CRATES: [&str; 9] = [
    "event_store",
    "geo_ip",
    "kafka_client",
    "live_stats",
    "origin_check",
    "rate_limit",
    "relay",
    "schemas",
    "static_files",
];

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
    let without_addresses = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OWN_CRATES.map(|name| (name, LevelFilter::TRACE)));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter.and(without_addresses))).init();
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        // Captured if RUST_BACKTRACE is set.
        let backtrace = Backtrace::capture().to_string();
        // A formatted message can contain any value, an address among them.
        let message: Option<&&str> = panic.payload().downcast_ref();
        let message = message.unwrap_or(&"the message is formatted, and suppressed");
        tracing::error!(location, backtrace, "panicked: {message}");
    }));
    Ok(())
}

/// Rate limit for repeated log lines, such as the errors of a full disk.
pub struct Throttle {
    interval: Duration,
    /// When the last line was logged, and how many were suppressed since.
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// At most one line in each interval.
    pub const fn every(interval: Duration) -> Self {
        Self { interval, state: Mutex::new((None, 0)) }
    }

    /// Whether to log now: the number of lines suppressed since the last one, or `None` to suppress this.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, suppressed) = &mut *state;
        if last.is_some_and(|last| now.duration_since(last) < self.interval) {
            *suppressed += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(suppressed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::Value;
    use std::{net::SocketAddr, process::Command};

    #[test]
    fn throttle_admits_one_line_and_counts_suppressed_ones() {
        let throttle = Throttle::every(Duration::from_secs(5));
        let start = Instant::now();
        let admitted = [0, 1, 4, 5, 6, 20].map(|s| throttle.admit(start + Duration::from_secs(s)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    /// In a process of its own, since the hook and the log are global.
    #[test]
    fn log_has_panics_as_json_and_no_address() {
        const CHILD: &str = "RELAY_TEST_PANICS";
        if std::env::var_os(CHILD).is_some() {
            init("trace", LogFormat::Json).unwrap();
            tracing::info!(target: "hyper", "connection of 198.51.100.77");
            assert!(panic::catch_unwind(|| panic!("a literal")).is_err());
            let peer: SocketAddr = "198.51.100.77:1234".parse().unwrap();
            assert_eq!(Some(peer), None, "[2001:db8::7] was there");
        }
        let name = "tests::log_has_panics_as_json_and_no_address";
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
            assert!(line["location"].as_str().unwrap().contains("telemetry/src/lib.rs:"), "{line}");
            assert!(line["backtrace"].as_str().unwrap().contains("telemetry::tests"), "{line}");
        }
    }
}
