//! The axum handler that the relay is compared with: it only reads the body and answers.

use e2e::usage;
use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// It, in a process of its own. Dropping it ends it.
pub struct BareAxum {
    child: Child,
    url: String,
}

impl BareAxum {
    /// Starts it; `$BENCH_BARE_AXUM` is its program. Its answers have so many bytes, with their head, and
    /// come after so long.
    pub fn start(answer_bytes: usize, wait: Duration) -> Self {
        let program = env::var_os("BENCH_BARE_AXUM")
            .expect("BENCH_BARE_AXUM names e2e/examples/bare_axum.rs, built");
        let mut child = Command::new(program)
            .args([answer_bytes.to_string(), wait.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("bare_axum: listening on ").expect(&line).to_owned();
        Self { child, url }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The processor time that it has used since it was started.
    pub fn processor_time(&self) -> Duration {
        usage::processor_time(self.child.id())
    }
}

impl Drop for BareAxum {
    fn drop(&mut self) {
        // It may have ended already; nobody is left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
