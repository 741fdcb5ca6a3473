//! Limits on the work that the relay accepts at once, so that a flood slows down its source alone.
//!
//! ```text
//!  connection ──► body ────────► session ──────────────────► in flight
//!  number         bytes in       rates of requests and       number of
//!                 memory         events; of new sessions,    requests
//!                                and of all events
//! ```
//!
//! No limit is by address: a hall shares one, and the relay stores none. A session is limited by its id. A
//! client that invents a session id per request hits the new-session limit, which does not affect known
//! sessions. A rate-limited response has `Retry-After`, and the page keeps its events until then.

use rate_limit::{Arrival, Exceeded, Nanos, RateLimiter, Rates};
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use strum::{Display, IntoStaticStr, VariantNames};
use tokio::sync::Semaphore;

/// File descriptors of the store, Kafka, the log and large files of the page.
const OTHER_DESCRIPTORS: u64 = 128;

/// Requests whose events are being made durable. More than Kafka and the store process at once would only
/// wait longer.
pub(crate) const MAX_REQUESTS_IN_FLIGHT: usize = 4096;

/// Options of the limits per session and for all requests.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LimitOptions {
    /// Requests per second and session, in bursts of up to 10 s worth; 0 disables the limit. Excess
    /// requests get 429 with Retry-After, and the page sends its queued events in fewer and larger
    /// requests.
    #[arg(long, env = "RELAY_SESSION_REQUESTS", value_name = "PER_SECOND", default_value_t = 20)]
    pub session_requests: u32,

    /// Events per second and session, in bursts of up to 10 s worth; 0 disables the limit. A new session
    /// begins with 100 events, and 30 more for each second since its first event. Pressing by hand
    /// stays far below the default.
    #[arg(long, env = "RELAY_SESSION_EVENTS", value_name = "PER_SECOND", default_value_t = 500)]
    pub session_events: u32,

    /// New sessions per second from all clients together, in bursts of up to 10 s worth; 0 disables
    /// the limit. Excess new sessions get 503 with Retry-After; known sessions are not affected.
    #[arg(long, env = "RELAY_NEW_SESSIONS", value_name = "PER_SECOND", default_value_t = 500)]
    pub new_sessions: u32,

    /// Events per second from all clients together, in bursts of up to 10 s worth; 0 disables the
    /// limit. Excess requests get 503 with Retry-After. Large requests and new sessions leave half of
    /// the burst to small requests of sessions that were there before.
    #[arg(long, env = "RELAY_EVENTS", value_name = "PER_SECOND", default_value_t = 5000)]
    pub events: u32,

    /// Memory in bytes for large request bodies, counted beyond the first 4 kB of each. Excess
    /// requests get 503 with Retry-After; small bodies are still accepted.
    #[arg(
        long,
        env = "RELAY_MAX_BYTES_IN_FLIGHT",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub max_bytes_in_flight: NonZeroU32,

    /// Open connections, each of which takes up to about 40 kB; fewer if the limit of open files is
    /// lower. At most half of them can be streams of live numbers. Excess connections wait to be
    /// accepted, and idle ones are closed earlier.
    #[arg(long, env = "RELAY_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "16384")]
    pub max_connections: NonZeroU32,
}

/// The limit that a request exceeds. The names are those in metrics and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Limited {
    /// Requests of a session, and the time to wait.
    SessionRequests(Duration),
    /// Events of a session, and the time to wait.
    SessionEvents(Duration),
    /// New sessions of all clients.
    NewSessions,
    /// Events of all clients, and the time to wait at least.
    Events(Duration),
    /// Requests at once.
    RequestsInFlight,
    /// Bytes of bodies at once.
    BytesInFlight,
    /// Streams of live numbers at once.
    Viewers,
    /// Large files of the page at once.
    Files,
}

impl From<Exceeded> for Limited {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::SessionRequests(wait) => Self::SessionRequests(wait),
            Exceeded::SessionEvents(wait) => Self::SessionEvents(wait),
            Exceeded::NewSessions => Self::NewSessions,
            Exceeded::Events(wait) => Self::Events(wait),
        }
    }
}

/// Rate limiter and semaphores of all limits.
pub struct Limits {
    sessions: RateLimiter,
    start: Instant,
    /// Requests that are being recorded.
    pub in_flight: Arc<Semaphore>,
    /// Bytes of large bodies.
    pub bytes: Arc<Semaphore>,
    /// Streams of live numbers.
    pub viewers: Arc<Semaphore>,
    /// Maximum number of connections.
    pub connections: usize,
    rejected_requests: AtomicU64,
}

impl Limits {
    /// Limits for a process that may have so many file descriptors.
    pub fn new(options: &LimitOptions, descriptors: Option<u64>) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits));
        let descriptors = descriptors.unwrap_or(u64::MAX);
        let possible = descriptors.saturating_sub(OTHER_DESCRIPTORS).max(1);
        let connections = u64::from(options.max_connections.get()).min(possible) as usize;
        Self {
            sessions: RateLimiter::new(Rates {
                session_requests: options.session_requests,
                session_events: options.session_events,
                new_sessions: options.new_sessions,
                events: options.events,
            }),
            start: Instant::now(),
            in_flight: semaphore(MAX_REQUESTS_IN_FLIGHT),
            bytes: semaphore(options.max_bytes_in_flight.get() as usize),
            viewers: semaphore((connections / 2).max(1)),
            connections,
            rejected_requests: AtomicU64::new(0),
        }
    }

    /// Admits a request.
    ///
    /// # Errors
    /// The rate limit that it exceeds.
    pub fn admit(&self, arrival: Arrival) -> Result<(), Limited> {
        let now = self.start.elapsed().as_nanos() as Nanos;
        Ok(self.sessions.admit(arrival, now)?)
    }

    /// Seconds until a retry. Spread where all clients share the limit, so that they do not return together.
    pub fn retry_after(&self, limited: Limited) -> u64 {
        match limited {
            Limited::SessionRequests(wait) | Limited::SessionEvents(wait) => {
                wait.as_secs_f64().ceil().max(1.0) as u64
            }
            Limited::Events(wait) => wait.as_secs() + self.spread(),
            _ => self.spread(),
        }
    }

    fn spread(&self) -> u64 {
        2 + self.rejected_requests.fetch_add(1, Relaxed) % 8
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::{Args, FromArgMatches};

    fn options(arguments: &[&str]) -> Result<LimitOptions, clap::Error> {
        let command = LimitOptions::augment_args(clap::Command::new("relay"));
        let matches = command.try_get_matches_from([&["relay"], arguments].concat())?;
        LimitOptions::from_arg_matches(&matches)
    }

    fn limits(descriptors: Option<u64>) -> Limits {
        Limits::new(&options(&[]).unwrap(), descriptors)
    }

    #[test]
    fn connections_fit_into_file_descriptors() {
        assert_eq!(limits(None).connections, 16_384);
        assert_eq!(limits(Some(65_536)).connections, 16_384);
        // Ten thousand open pages.
        assert!(limits(Some(12_000)).connections > 10_000);
        assert_eq!(limits(Some(1024)).connections, 896);
        assert_eq!(limits(Some(10)).connections, 1);
        // The rest is left for events, however many streams are requested.
        assert_eq!(limits(Some(1024)).viewers.available_permits(), 448);
    }

    #[test]
    fn retries_after_shared_limit_are_spread() {
        let limits = limits(None);
        let waits = [(); 8].map(|()| limits.retry_after(Limited::RequestsInFlight));
        assert_eq!(waits, [2, 3, 4, 5, 6, 7, 8, 9]);
        let wait = |millis| Limited::SessionEvents(Duration::from_millis(millis));
        assert_eq!([1, 1000, 1001].map(|millis| limits.retry_after(wait(millis))), [1, 1, 2]);
        let wait = |millis| Limited::Events(Duration::from_millis(millis));
        assert_eq!([999, 5000].map(|millis| limits.retry_after(wait(millis))), [2, 5 + 3]);
    }

    #[test]
    fn no_connections_at_all_are_rejected_as_option() {
        assert!(options(&["--max-connections", "0"]).is_err());
    }
}
