//! How long a connection may be silent. Pure: the clock is passed in.
//!
//! ```text
//!            bytes             the head is whole            answered
//!  Idle ──────────────► Head ──────────────────► Busy ────────────────► Idle
//!   │ IDLE (or CROWDED)  │ HEAD                   the handlers have
//!   └── given up         └── given up             limits of their own
//! ```
//!
//! hyper has a timeout for heads, which begins with the waiting for one: a connection that is kept for
//! the next press would have no longer than one that sends its head byte by byte.

use std::time::Duration;
use tokio::time::Instant;

/// For a connection on which nothing happens. Longer than proxies keep theirs to a server, nginx for one
/// minute and Caddy for two: who closes a connection should be who would send on it next.
pub const IDLE: Duration = Duration::from_secs(130);

/// The same while few connections are left.
pub const CROWDED: Duration = Duration::from_secs(15);

/// From the first byte of a request's head to its last.
pub const HEAD: Duration = Duration::from_secs(10);

/// What was waited for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The first byte of a request.
    Idle,
    /// The rest of a request's head.
    Head,
}

impl Silence {
    /// Both.
    pub const ALL: [Silence; 2] = [Silence::Idle, Silence::Head];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Silence::Idle => "idle",
            Silence::Head => "head",
        }
    }
}

/// What a connection does.
#[derive(Clone, Copy, Debug)]
pub enum Pulse {
    /// Nothing, since then.
    Idle(Instant),
    /// It sends a request's head, since then.
    Head(Instant),
    /// A request is worked on.
    Busy,
}

impl Pulse {
    /// Something was received. `now` is asked for only where it matters.
    pub fn received(&mut self, now: impl FnOnce() -> Instant) {
        if let Pulse::Idle(_) = self {
            *self = Pulse::Head(now());
        }
    }

    /// A request's head is whole.
    pub fn asked(&mut self) {
        *self = Pulse::Busy;
    }

    /// Its answer was handed over.
    pub fn answered(&mut self, now: Instant) {
        *self = Pulse::Idle(now);
    }

    /// When the connection is to be given up if nothing happens until then; never while it is busy.
    pub fn deadline(self, is_crowded: bool) -> Option<(Instant, Silence)> {
        match self {
            Pulse::Idle(since) => {
                Some((since + if is_crowded { CROWDED } else { IDLE }, Silence::Idle))
            }
            Pulse::Head(since) => Some((since + HEAD, Silence::Head)),
            Pulse::Busy => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_bytes_do_not_keep_a_head_alive() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut pulse = Pulse::Idle(start);
        for n in 1..9 {
            pulse.received(|| second(n));
        }
        assert_eq!(pulse.deadline(false), Some((second(1) + HEAD, Silence::Head)));
        assert_eq!(pulse.deadline(true), pulse.deadline(false));
    }

    #[test]
    fn a_request_has_no_deadline_here_and_then_it_begins_anew() {
        let start = Instant::now();
        let mut pulse = Pulse::Idle(start);
        pulse.received(|| start);
        pulse.asked();
        assert_eq!(pulse.deadline(true), None);
        // The body, or the next request before its time.
        pulse.received(|| start);
        assert_eq!(pulse.deadline(false), None);
        let later = start + Duration::from_secs(600);
        pulse.answered(later);
        assert_eq!(pulse.deadline(false), Some((later + IDLE, Silence::Idle)));
        assert_eq!(pulse.deadline(true), Some((later + CROWDED, Silence::Idle)));
    }
}
