//! The load of `wrk`, a generator in C: many connections that stay open, each with one request at a time.

use serde::Deserialize;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// What one load was.
#[derive(Debug, Deserialize)]
pub struct Load {
    /// How many requests were answered.
    pub requests: u64,
    /// How long it took, in microseconds.
    micros: u64,
    /// All that the answers were, with their heads.
    bytes: u64,
    /// What was answered by another status than 2xx or 3xx, or not at all.
    errors: u64,
}

impl Load {
    /// Runs it: presses from so many connections to a relay (or what is in its place), for so many
    /// seconds, so many events a request.
    ///
    /// # Panics
    /// If anything is not acknowledged.
    pub fn run(url: &str, connections: usize, seconds: u64, events: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/relay/press.lua");
        let output = Command::new("wrk")
            .args(["--threads", "1", "--connections", &connections.to_string()])
            .args(["--duration", &format!("{seconds}s"), "--timeout", "10s", "--script"])
            .arg(script)
            .args([url, "--", &events.to_string(), &fastrand::u32(..).to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("wrk runs; `cargo xtask bench relay` installs it");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with('{'));
        let load: Self = serde_json::from_str(line.expect(&text)).unwrap();
        assert!(load.errors == 0 && load.requests > 0, "{load:?}");
        load
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.micros as f64
    }

    /// How long an answer is, in bytes.
    pub fn answer_bytes(&self) -> f64 {
        self.bytes as f64 / self.requests as f64
    }
}
