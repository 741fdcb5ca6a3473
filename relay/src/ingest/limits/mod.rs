//! Limits on what the relay takes on at once, so that a flood slows down its source alone.
//!
//! ```text
//!  connection ──► body ────────► session ──────────────────► in flight
//!  so many        bytes held     its rate of requests and    so many
//!                 at once        events; of new sessions
//! ```
//!
//! No limit is by address, since a whole hall shares one and the relay keeps none. A session is limited by
//! its id. A client that invents an id for each request hits the limit of new sessions, which leaves known
//! ones alone. A limited client gets the time to wait (`Retry-After`), and the page keeps its events until
//! then.

mod options;
mod rate_limit;

pub use options::LimitOptions;

use rate_limit::{Nanos, RateLimiter};
use schemas::Uuid;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Descriptors that are for neither connections nor the page's files: the store, Kafka, the log.
const OTHER_DESCRIPTORS: u64 = 128;

/// Files of the page that are open at once, where there are descriptors enough.
const FILES: u64 = 1024;

/// Requests whose events are being made durable. Beyond what Kafka and the store work on at once, more
/// would only wait for longer.
pub(crate) const MAX_REQUESTS_IN_FLIGHT: usize = 4096;

/// What is limited, and by how much is left of it.
pub struct Limits {
    sessions: RateLimiter,
    start: Instant,
    /// Requests that are being recorded.
    pub in_flight: Arc<Semaphore>,
    /// Bytes of large bodies.
    pub bytes: Arc<Semaphore>,
    /// Streams of live numbers.
    pub viewers: Arc<Semaphore>,
    /// Files of the page that are open.
    pub files: Arc<Semaphore>,
    /// Connections at the most.
    pub connections: usize,
    rejected_requests: AtomicU64,
}

/// Which limit a request has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// The session's requests; it may come again after this time.
    SessionRequests(Duration),
    /// The session's events; it may come again after this time.
    SessionEvents(Duration),
    /// New sessions of all together.
    NewSessions,
    /// Requests at once.
    InFlight,
    /// Bytes of bodies at once.
    Bytes,
    /// Streams at once.
    Viewers,
    /// Files of the page at once.
    Files,
}

impl Limited {
    /// Every name, in metrics and in the log.
    pub const NAMES: [&str; 7] = [
        "session_requests",
        "session_events",
        "new_sessions",
        "requests_in_flight",
        "bytes_in_flight",
        "viewers",
        "files",
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        let [requests, events, new_sessions, in_flight, bytes, viewers, files] = Self::NAMES;
        match self {
            Limited::SessionRequests(_) => requests,
            Limited::SessionEvents(_) => events,
            Limited::NewSessions => new_sessions,
            Limited::InFlight => in_flight,
            Limited::Bytes => bytes,
            Limited::Viewers => viewers,
            Limited::Files => files,
        }
    }

    /// Whether one session has caused it by itself.
    pub fn is_by_one_session(self) -> bool {
        matches!(self, Limited::SessionRequests(_) | Limited::SessionEvents(_))
    }
}

impl Limits {
    /// The limits of these options, for a process that may open so many files.
    pub fn new(options: &LimitOptions, descriptors: Option<u64>) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let files = descriptors.map_or(FILES, |all| (all / 4).clamp(1, FILES));
        let possible =
            descriptors.map_or(u64::MAX, |all| all.saturating_sub(OTHER_DESCRIPTORS + files));
        let connections = u64::from(options.max_connections.get()).min(possible.max(1)) as usize;
        Self {
            sessions: RateLimiter::new(
                options.session_requests,
                options.session_events,
                options.new_sessions,
            ),
            start: Instant::now(),
            in_flight: semaphore(MAX_REQUESTS_IN_FLIGHT),
            bytes: semaphore(options.max_bytes_in_flight.get() as usize),
            viewers: semaphore((connections / 2).max(1)),
            files: semaphore(files as usize),
            connections,
            rejected_requests: AtomicU64::new(0),
        }
    }

    /// Takes a request of a session with so many events from what it may send.
    pub fn admit(&self, session: Uuid, events: usize) -> Result<(), Limited> {
        let now = self.start.elapsed().as_nanos() as Nanos;
        self.sessions.admit(session, events, now)
    }

    /// After how many seconds to come again. Where it is everybody's, they are not to come
    /// back all at the same moment.
    pub fn retry_after(&self, limited: Limited) -> u64 {
        match limited {
            Limited::SessionRequests(wait) | Limited::SessionEvents(wait) => {
                wait.as_secs_f64().ceil().max(1.0) as u64
            }
            _ => 2 + self.rejected_requests.fetch_add(1, Relaxed) % 8,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::{Args, FromArgMatches};

    fn options(arguments: &[&str]) -> LimitOptions {
        let command = LimitOptions::augment_args(clap::Command::new("relay"));
        let matches = command.try_get_matches_from([&["relay"], arguments].concat()).unwrap();
        LimitOptions::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn connections_fit_into_the_files_that_may_be_open() {
        let limits = |descriptors| Limits::new(&options(&[]), descriptors);
        assert_eq!(limits(None).connections, 16_384);
        assert_eq!(limits(Some(65_536)).connections, 16_384);
        assert_eq!(limits(Some(1024)).connections, 640);
        // Ten thousand visitors who have the page open find room where there are files for them.
        assert!(limits(Some(12_000)).connections > 10_000);
        assert_eq!(limits(Some(10)).connections, 1);
        // Presses find a connection however many watch.
        assert_eq!(limits(Some(1024)).viewers.available_permits(), 320);
    }

    #[test]
    fn those_who_are_rejected_requests_do_not_come_back_together() {
        let limits = Limits::new(&options(&[]), None);
        let waits: Vec<_> = (0..8).map(|_| limits.retry_after(Limited::InFlight)).collect();
        assert_eq!(waits, [2, 3, 4, 5, 6, 7, 8, 9]);
        let wait = |millis| Limited::SessionEvents(Duration::from_millis(millis));
        assert_eq!([1, 1000, 1001].map(|millis| limits.retry_after(wait(millis))), [1, 1, 2]);
    }

    #[test]
    fn a_limit_of_nothing_is_refused_where_it_would_stop_everything() {
        let command = LimitOptions::augment_args(clap::Command::new("relay"));
        let refused = command.try_get_matches_from(["relay", "--max-connections", "0"]);
        assert!(refused.is_err());
    }
}
