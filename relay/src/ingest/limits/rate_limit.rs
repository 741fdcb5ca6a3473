//! Rate limits per session, and of new sessions in total, by the generic cell rate algorithm (GCRA, ITU-T
//! I.371, annex A). Pure: the time is passed in.
//!
//! GCRA stores one number per limit, the theoretical arrival time: when the next arrival is due at the
//! steady rate. Each session has two, in a table of fixed size. Nothing runs in the background: when the
//! table is full, a new session evicts the one that has been idle longest.

use super::Limited;
use hashlink::{LruCache, lru_cache::Entry};
use schemas::Uuid;
use std::{
    hash::RandomState,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Sessions in the table, of up to 84 bytes each: 5.5 MB. With the default rates no session is evicted while
/// it has to wait: 14 s after the largest request, in which 24,000 new sessions are admitted.
const MAX_SESSIONS: usize = 1 << 16;

/// Time that an arrival may be ahead of its theoretical time.
const BURST: Nanos = 10 * SECOND;

const SECOND: Nanos = 1_000_000_000;

/// Nanoseconds since the relay started, up to 584 years.
pub(super) type Nanos = u64;

/// A steady rate, with a burst of 10 s worth.
#[derive(Clone, Copy)]
struct Rate {
    /// 0 is no limit.
    emission_interval: Nanos,
}

impl Rate {
    /// Rate of `limit` arrivals per second; 0 is no limit.
    fn per_second(limit: u32) -> Self {
        Self { emission_interval: SECOND.checked_div(limit.into()).unwrap_or(0) }
    }

    /// Returns the time that an arrival of any size has to wait. One that is larger than the burst extends
    /// the wait of the next one, so that each is admitted in the end and the rate is kept.
    fn wait(self, theoretical_arrival: Nanos, now: Nanos) -> Option<Duration> {
        let wait = theoretical_arrival.saturating_sub(BURST).saturating_sub(now);
        (self.emission_interval > 0 && wait > 0).then(|| Duration::from_nanos(wait))
    }

    /// Returns the theoretical arrival time after `arrivals` at once.
    fn next(self, theoretical_arrival: Nanos, arrivals: usize, now: Nanos) -> Nanos {
        let cost = self.emission_interval.saturating_mul(arrivals as Nanos);
        theoretical_arrival.max(now).saturating_add(cost)
    }
}

/// Rate limiter with a table of sessions.
pub(super) struct RateLimiter {
    requests: Rate,
    events: Rate,
    new_sessions: Rate,
    arrivals: Mutex<Arrivals>,
}

/// Theoretical arrival times.
struct Arrivals {
    new_session: Nanos,
    /// Hashed with a random key, so that no client can choose ids that collide.
    sessions: LruCache<Uuid, Session, RandomState>,
}

#[derive(Default)]
struct Session {
    request: Nanos,
    event: Nanos,
}

impl RateLimiter {
    /// Limits per second: requests and events of a session, and new sessions; 0 is no limit.
    pub(super) fn new(requests: u32, events: u32, new_sessions: u32) -> Self {
        let sessions = LruCache::with_hasher(MAX_SESSIONS, RandomState::new());
        Self {
            requests: Rate::per_second(requests),
            events: Rate::per_second(events),
            new_sessions: Rate::per_second(new_sessions),
            arrivals: Mutex::new(Arrivals { new_session: 0, sessions }),
        }
    }

    /// Admits a request of a session with so many events.
    ///
    /// # Errors
    /// The limit that it exceeds, and the time to wait.
    pub(super) fn admit(&self, id: Uuid, events: usize, now: Nanos) -> Result<(), Limited> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let Arrivals { new_session, sessions } = &mut *arrivals;
        let session = match sessions.entry(id) {
            Entry::Occupied(mut known) => {
                known.to_back();
                known.into_mut()
            }
            Entry::Vacant(new) => {
                if self.new_sessions.wait(*new_session, now).is_some() {
                    return Err(Limited::NewSessions);
                }
                *new_session = self.new_sessions.next(*new_session, 1, now);
                new.insert(Session::default())
            }
        };
        if let Some(wait) = self.requests.wait(session.request, now) {
            return Err(Limited::SessionRequests(wait));
        }
        if let Some(wait) = self.events.wait(session.event, now) {
            return Err(Limited::SessionEvents(wait));
        }
        session.request = self.requests.next(session.request, 1, now);
        session.event = self.events.next(session.event, events, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u64) -> Uuid {
        Uuid::from_u128(number.into())
    }

    #[test]
    fn burst_is_admitted_at_once_and_then_the_rate() {
        let admitted = |limit, mut times: Vec<Nanos>| {
            let limiter = RateLimiter::new(limit, 0, 0);
            times.retain(|now| limiter.admit(id(1), 1, *now).is_ok());
            times.len()
        };
        assert_eq!(admitted(20, vec![7; 1000]), 201);
        assert_eq!(admitted(0, vec![7; 5000]), 5000);
        // 1000 per second for a minute.
        let flood = (0..60_000).map(|ms| ms * SECOND / 1000).collect();
        assert_eq!(admitted(20, flood), 201 + 20 * 60 - 1);
        let steady = (0..1000).map(|n| n * SECOND / 20).collect();
        assert_eq!(admitted(20, steady), 1000);
    }

    #[test]
    fn batch_of_any_size_is_admitted_and_paid_back() {
        let limiter = RateLimiter::new(20, 500, 1000);
        assert_eq!(limiter.admit(id(1), 1_000_000, 0), Ok(()));
        let wait = Duration::from_secs(2000 - 10);
        assert_eq!(limiter.admit(id(1), 1, 0), Err(Limited::SessionEvents(wait)));
        assert_eq!(limiter.admit(id(2), 1, 0), Ok(()));
        assert_eq!(limiter.admit(id(1), 1, wait.as_nanos() as Nanos), Ok(()));
    }

    #[test]
    fn known_sessions_are_admitted_while_new_ones_wait() {
        let limiter = RateLimiter::new(20, 500, 1000);
        assert_eq!((0..20_000).filter(|n| limiter.admit(id(*n), 1, 0).is_ok()).count(), 10_001);
        assert_eq!(limiter.admit(id(0), 1, 0), Ok(()));
        assert_eq!(limiter.admit(id(30_000), 1, 0), Err(Limited::NewSessions));
        assert_eq!(limiter.admit(id(30_000), 1, SECOND), Ok(()));
    }

    #[test]
    fn full_table_evicts_session_idle_longest() {
        let limiter = RateLimiter::new(1, 0, 0);
        let is_admitted = |number| limiter.admit(id(number), 1, 0).is_ok();
        while is_admitted(0) {}
        // A rejected request counts as activity: the session that floods is evicted last.
        for number in 1..2 * MAX_SESSIONS as u64 {
            assert!(is_admitted(number) && !is_admitted(0), "{number}");
        }
        let arrivals = limiter.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(arrivals.sessions.len(), MAX_SESSIONS);
    }

    proptest! {
        /// At most the rate and one burst are admitted, a request is admitted after its wait, and no session
        /// affects another.
        #[test]
        fn any_arrivals_keep_the_rate_of_each_session(
            rate in 1..2000_u32,
            arrivals in prop::collection::vec((0..3_usize, 1..2000_usize, 0..3 * SECOND), 1..200),
        ) {
            let together = RateLimiter::new(0, rate, 0);
            let alone = [0; 3].map(|_| RateLimiter::new(0, rate, 0));
            let interval = SECOND / u64::from(rate);
            let (mut now, mut admitted) = (0, [0; 3]);
            for (session, events, pause) in arrivals {
                let admit = |now| {
                    let outcome = together.admit(id(session as u64), events, now);
                    assert_eq!(outcome, alone[session].admit(id(0), events, now));
                    outcome
                };
                now += pause;
                let mut outcome = admit(now);
                if let Err(Limited::SessionEvents(wait)) = outcome {
                    now += wait.as_nanos() as Nanos;
                    outcome = admit(now);
                }
                prop_assert_eq!(outcome, Ok(()));
                prop_assert!(admitted[session] * interval <= now + BURST);
                admitted[session] += events as u64;
            }
        }
    }
}
