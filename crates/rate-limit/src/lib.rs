//! Rate limits per session, of new sessions and of all events, by the generic cell rate algorithm (GCRA, ITU-T
//! I.371, annex A). Pure: the time is passed in.
//!
//! GCRA stores one number per limit, the theoretical arrival time: when the next arrival is due at the
//! steady rate. Each session has two, in a table of fixed size. Nothing runs in the background: when the
//! table is full, a new session evicts the one that has been idle longest.
//!
//! A client may invent any number of sessions and any age of its events, so the limit of all events counts
//! only what the relay sees itself. The larger a request and the newer its session, the more of the burst
//! it has to leave (`reserve`). A flood uses up the part that it may use, and then the steady rate; the
//! rest is there for small requests of sessions that were there before it.

use hashlink::{LruCache, lru_cache::Entry};
use schemas::Uuid;
use std::{
    hash::RandomState,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Sessions in the table, of 100 bytes each: 13 MB when it is full. At 500 new sessions a second, one is evicted after
/// it has been idle for 4 minutes.
const MAX_SESSIONS: usize = 1 << 17;

/// Time that an arrival may be ahead of its theoretical time.
const BURST: Nanos = 10 * SECOND;

/// Part of the burst of all events that a large request, or a new session, leaves.
const RESERVE: Nanos = BURST / 2;

/// Events of a request that leaves all of [`RESERVE`]; smaller ones leave a part of it. A hand needs some
/// seconds for them.
const LARGE_REQUEST: u64 = 50;

/// Milliseconds since the first request of a session after which it leaves half of [`RESERVE`]; a third after
/// twice as many, and so on. An older session always leaves less than a newer one.
const HALF_RESERVE_MILLIS: u64 = 10_000;

/// Events that a new session may have in its first moment: those of a fast hand while the first request was under
/// way, and of a page that was opened and hidden many times.
const FIRST_EVENTS: u64 = 100;

/// Events of a new session for each second since its first one, as of a page that was used without a network.
const EVENTS_PER_SECOND_OFFLINE: u64 = 30;

const SECOND: Nanos = 1_000_000_000;

const MILLISECOND: Nanos = SECOND / 1000;

/// Nanoseconds since the start, up to 584 years.
pub type Nanos = u64;

/// Limits per second; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Requests of a session.
    pub session_requests: u32,
    /// Events of a session.
    pub session_events: u32,
    /// New sessions.
    pub new_sessions: u32,
    /// Events of all sessions.
    pub events: u32,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its session.
    pub session: Uuid,
    /// The number of its events.
    pub events: usize,
    /// The time since its first event, by the visitor's clock, which may be wrong or a lie.
    pub age: Duration,
}

/// The limit that a request exceeds, with the time after which it is admitted if no other comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// Requests of a session.
    SessionRequests(Duration),
    /// Events of a session.
    SessionEvents(Duration),
    /// New sessions.
    NewSessions,
    /// Events of all sessions.
    Events(Duration),
}

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

    fn cost(self, arrivals: u64) -> Nanos {
        self.emission_interval.saturating_mul(arrivals)
    }

    /// Returns the time that `arrivals` at once have to wait, so that `reserve` of the burst is left. More of them
    /// than the burst are admitted when it is whole, and extend the wait of the next ones, so that each is admitted
    /// in the end and the rate is kept.
    fn wait(
        self,
        theoretical_arrival: Nanos,
        arrivals: u64,
        reserve: Nanos,
        now: Nanos,
    ) -> Option<Duration> {
        let burst = BURST - reserve;
        let end = theoretical_arrival.max(now).saturating_add(self.cost(arrivals).min(burst));
        let wait = end.saturating_sub(now.saturating_add(burst));
        (self.emission_interval > 0 && wait > 0).then(|| Duration::from_nanos(wait))
    }

    /// Returns the theoretical arrival time after `arrivals` at once.
    fn next(self, theoretical_arrival: Nanos, arrivals: u64, now: Nanos) -> Nanos {
        theoretical_arrival.max(now).saturating_add(self.cost(arrivals))
    }

    /// Returns the theoretical arrival time that leaves so many arrivals of the burst.
    fn leaving(self, arrivals: u64, now: Nanos) -> Nanos {
        now.saturating_add(BURST).saturating_sub(self.cost(arrivals))
    }
}

/// Rate limiter with a table of sessions.
pub struct RateLimiter {
    session_requests: Rate,
    session_events: Rate,
    new_sessions: Rate,
    events: Rate,
    arrivals: Mutex<Arrivals>,
}

/// Theoretical arrival times.
struct Arrivals {
    new_session: Nanos,
    event: Nanos,
    /// Hashed with a random key, so that no client can choose ids that collide.
    sessions: LruCache<Uuid, Session, RandomState>,
}

struct Session {
    first_seen: Nanos,
    request: Nanos,
    event: Nanos,
}

/// Returns the part of the burst of all events that a request leaves.
fn reserve(events: u64, known_for: Nanos) -> Nanos {
    let by_size = RESERVE / LARGE_REQUEST * events.saturating_sub(1).min(LARGE_REQUEST);
    let millis = known_for / MILLISECOND;
    let by_age = RESERVE * HALF_RESERVE_MILLIS / HALF_RESERVE_MILLIS.saturating_add(millis);
    by_size.max(by_age)
}

impl RateLimiter {
    /// A limiter without any session.
    pub fn new(rates: Rates) -> Self {
        let sessions = LruCache::with_hasher(MAX_SESSIONS, RandomState::new());
        Self {
            session_requests: Rate::per_second(rates.session_requests),
            session_events: Rate::per_second(rates.session_events),
            new_sessions: Rate::per_second(rates.new_sessions),
            events: Rate::per_second(rates.events),
            arrivals: Mutex::new(Arrivals { new_session: 0, event: 0, sessions }),
        }
    }

    /// Admits a request.
    ///
    /// # Errors
    /// The limit that it exceeds.
    pub fn admit(&self, arrival: Arrival, now: Nanos) -> Result<(), Exceeded> {
        let events = arrival.events as u64;
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let Arrivals { new_session, event, sessions } = &mut *arrivals;
        let session = match sessions.entry(arrival.session) {
            Entry::Occupied(mut known) => {
                known.to_back();
                known.into_mut()
            }
            Entry::Vacant(new) => {
                if self.new_sessions.wait(*new_session, 0, 0, now).is_some() {
                    return Err(Exceeded::NewSessions);
                }
                *new_session = self.new_sessions.next(*new_session, 1, now);
                let offline = arrival.age.as_secs().saturating_mul(EVENTS_PER_SECOND_OFFLINE);
                let event = self.session_events.leaving(FIRST_EVENTS.saturating_add(offline), now);
                new.insert(Session { first_seen: now, request: 0, event })
            }
        };
        if let Some(wait) = self.session_requests.wait(session.request, 0, 0, now) {
            return Err(Exceeded::SessionRequests(wait));
        }
        if let Some(wait) = self.session_events.wait(session.event, events, 0, now) {
            return Err(Exceeded::SessionEvents(wait));
        }
        let reserve = reserve(events, now.saturating_sub(session.first_seen));
        if let Some(wait) = self.events.wait(*event, events, reserve, now) {
            return Err(Exceeded::Events(wait));
        }
        session.request = self.session_requests.next(session.request, 1, now);
        session.event = self.session_events.next(session.event, events, now);
        *event = self.events.next(*event, events, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const NONE: Rates =
        Rates { session_requests: 0, session_events: 0, new_sessions: 0, events: 0 };

    const DEFAULTS: Rates =
        Rates { session_requests: 20, session_events: 500, new_sessions: 500, events: 5000 };

    /// A request of a session that has been pressing for long.
    fn request(session: u64, events: usize) -> Arrival {
        new_request(session, events, Duration::from_secs(100_000))
    }

    fn new_request(session: u64, events: usize, age: Duration) -> Arrival {
        Arrival { session: Uuid::from_u128(session.into()), events, age }
    }

    #[test]
    fn burst_is_admitted_at_once_and_then_the_rate() {
        let admitted = |session_requests, mut times: Vec<Nanos>| {
            let limiter = RateLimiter::new(Rates { session_requests, ..NONE });
            times.retain(|now| limiter.admit(request(1, 1), *now).is_ok());
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
        let limiter = RateLimiter::new(Rates { events: 0, ..DEFAULTS });
        assert_eq!(limiter.admit(request(1, 1_000_000), 0), Ok(()));
        // At its rate of 500 a second, all but the burst, and the one event itself.
        let wait = Duration::from_millis(1_990_002);
        assert_eq!(limiter.admit(request(1, 1), 0), Err(Exceeded::SessionEvents(wait)));
        assert_eq!(limiter.admit(request(2, 1), 0), Ok(()));
        assert_eq!(limiter.admit(request(1, 1), wait.as_nanos() as Nanos), Ok(()));
    }

    #[test]
    fn known_sessions_are_admitted_while_new_ones_wait() {
        let limiter = RateLimiter::new(DEFAULTS);
        let is_admitted = |number| limiter.admit(request(number, 1), 0).is_ok();
        assert_eq!((0..20_000).filter(|number| is_admitted(*number)).count(), 5001);
        assert_eq!(limiter.admit(request(0, 1), 0), Ok(()));
        assert_eq!(limiter.admit(request(30_000, 1), 0), Err(Exceeded::NewSessions));
        assert_eq!(limiter.admit(request(30_000, 1), SECOND), Ok(()));
    }

    #[test]
    fn new_session_brings_what_a_page_can_have() {
        let first = |events, age| {
            let limiter = RateLimiter::new(DEFAULTS);
            limiter.admit(new_request(1, events, Duration::from_secs(age)), 0)
        };
        assert_eq!(first(100, 0), Ok(()));
        let wait = Duration::from_millis(780 * 2);
        assert_eq!(first(880, 0), Err(Exceeded::SessionEvents(wait)));
        // After half a minute without a network.
        assert_eq!(first(880, 30), Ok(()));
    }

    #[test]
    fn rejected_batch_of_a_new_session_is_admitted_after_its_wait() {
        let limiter = RateLimiter::new(DEFAULTS);
        let batch = new_request(1, 880, Duration::ZERO);
        let Err(Exceeded::SessionEvents(wait)) = limiter.admit(batch, 0) else {
            panic!("admitted")
        };
        assert_eq!(limiter.admit(batch, wait.as_nanos() as Nanos), Ok(()));
    }

    #[test]
    fn first_second_of_a_new_session_is_bounded() {
        let limiter = RateLimiter::new(DEFAULTS);
        let press = |events| new_request(1, events, Duration::ZERO);
        let mut times = (0..1000).map(|ms| ms * SECOND / 1000);
        let admitted = times.by_ref().filter(|now| limiter.admit(press(10), *now).is_ok()).count();
        // 100 at once and 500 a second.
        assert_eq!(admitted * 10, 590);
    }

    #[test]
    fn outboxes_after_an_outage_are_admitted() {
        let limiter = RateLimiter::new(DEFAULTS);
        // Of an hour, and all that a page keeps, in requests of the largest size.
        let hour = Duration::from_secs(3600);
        for page in 0..10 {
            for events in [593, 593, 593, 221] {
                assert_eq!(limiter.admit(new_request(page, events, hour), 0), Ok(()));
            }
        }
    }

    /// Visitors press now and then while an attacker sends 2,000 requests a second for a minute. Returns the
    /// attacker's admitted events.
    fn attack(rates: Rates, request_of_flood: impl Fn(u64) -> Arrival) -> u64 {
        let limiter = RateLimiter::new(rates);
        for visitor in 0..100 {
            assert_eq!(limiter.admit(new_request(visitor, 1, Duration::ZERO), 0), Ok(()));
        }
        let (mut admitted, begin) = (0, 10 * SECOND);
        for number in 0..120_000 {
            let now = begin + number * SECOND / 2000;
            let flood = request_of_flood(number);
            let is_admitted = limiter.admit(flood, now).is_ok();
            admitted += if is_admitted { flood.events as u64 } else { 0 };
            // 40 a second; each visitor every 2.5 s.
            if number % 50 == 0 {
                let visitor = number / 50 % 100;
                let press = new_request(visitor, 1 + number as usize % 3, Duration::ZERO);
                assert_eq!(limiter.admit(press, now), Ok(()), "after {number} requests");
            }
        }
        admitted
    }

    #[test]
    fn flood_of_any_kind_keeps_the_rate_and_leaves_a_reserve() {
        let rates = Rates { events: 500, ..DEFAULTS };
        let (burst, minute) = (5000, 60 * 500);
        for (kind, flood) in [
            (
                "a session for each request",
                (|n| new_request(1000 + n, 1, Duration::ZERO)) as fn(_) -> _,
            ),
            ("as many events as a new session may bring", |n| {
                new_request(1000 + n, 100, Duration::ZERO)
            }),
            ("claimed ages", |n| new_request(1000 + n / 6, 880, Duration::MAX)),
            ("small requests of known sessions", |n| {
                new_request(1000 + n % 100, 50, Duration::ZERO)
            }),
            ("single presses of known sessions", |n| {
                new_request(1000 + n % 500, 1, Duration::ZERO)
            }),
        ] {
            let admitted = attack(rates, flood);
            assert!(admitted <= burst + minute, "{kind}: {admitted}");
            assert!(admitted >= minute / 2, "{kind}: {admitted}");
        }
    }

    #[test]
    fn larger_requests_and_newer_sessions_leave_more() {
        assert_eq!(reserve(1, 0), RESERVE);
        assert_eq!(reserve(1, 10 * SECOND), RESERVE / 2);
        assert_eq!(reserve(1, 490 * SECOND), RESERVE / 50);
        assert_eq!(reserve(26, 490 * SECOND), RESERVE / 2);
        assert_eq!(reserve(51, 490 * SECOND), RESERVE);
        assert_eq!(reserve(u64::MAX, u64::MAX), RESERVE);
        assert!(reserve(1, u64::MAX) < reserve(1, 24 * 3600 * SECOND));
    }

    #[test]
    fn visitor_of_the_last_four_minutes_stays_known() {
        let limiter = RateLimiter::new(DEFAULTS);
        assert_eq!(limiter.admit(request(0, 1), 0), Ok(()));
        let end = 240 * SECOND;
        for number in 1..=end / SECOND * 500 + 5000 {
            // As fast as new sessions are admitted: a burst, and then each in its time.
            let now = number.saturating_sub(5000) * SECOND / 500;
            assert_eq!(limiter.admit(request(number, 1), now), Ok(()), "{number}");
        }
        assert_eq!(limiter.admit(request(u64::MAX, 1), end), Err(Exceeded::NewSessions));
        assert_eq!(limiter.admit(request(0, 1), end), Ok(()));
    }

    #[test]
    fn request_that_is_larger_than_all_events_is_admitted_in_the_end() {
        let limiter = RateLimiter::new(Rates { events: 10, ..NONE });
        assert_eq!(limiter.admit(request(1, 500), 0), Ok(()));
        let wait = Duration::from_secs(49);
        assert_eq!(limiter.admit(request(2, 500), SECOND), Err(Exceeded::Events(wait)));
        assert_eq!(limiter.admit(request(2, 500), 50 * SECOND), Ok(()));
    }

    #[test]
    fn full_table_evicts_session_idle_longest() {
        let limiter = RateLimiter::new(Rates { session_requests: 1, ..NONE });
        let is_admitted = |number| limiter.admit(request(number, 1), 0).is_ok();
        while is_admitted(0) {}
        // A rejected request counts as activity: the session that floods is evicted last.
        for number in 1..2 * MAX_SESSIONS as u64 {
            assert!(is_admitted(number) && !is_admitted(0), "{number}");
        }
        let arrivals = limiter.arrivals.lock().unwrap();
        assert_eq!(arrivals.sessions.len(), MAX_SESSIONS);
    }

    proptest! {
        /// However a flood is made, no more than the rate and one burst of events are admitted, and each request
        /// is admitted when all that it was told to wait is over and no other came first.
        #[test]
        fn any_arrivals_keep_the_rate_of_all_events(
            rate in 100..2000_u32,
            arrivals in prop::collection::vec(
                (0..20_u64, 1..900_usize, 0..1_000_000_u64, 0..SECOND / 10), 1..300),
        ) {
            let limiter = RateLimiter::new(Rates { events: rate, ..NONE });
            let interval = SECOND / u64::from(rate);
            let (mut now, mut admitted) = (0, 0);
            for (session, events, age, pause) in arrivals {
                now += pause;
                let request = new_request(session, events, Duration::from_secs(age));
                match limiter.admit(request, now) {
                    Ok(()) => admitted += events as u64,
                    Err(Exceeded::Events(wait)) if session == 0 => {
                        now += wait.as_nanos() as Nanos;
                        prop_assert_eq!(limiter.admit(request, now), Ok(()));
                        admitted += events as u64;
                    }
                    Err(exceeded) => prop_assert!(matches!(exceeded, Exceeded::Events(_))),
                }
                // A request that is larger than what may be used of the burst is admitted as a whole.
                prop_assert!(admitted * interval <= now + BURST.max(events as u64 * interval));
            }
        }

        /// At most the rate and one burst are admitted, a request is admitted after its wait, and no session
        /// affects another.
        #[test]
        fn any_arrivals_keep_the_rate_of_each_session(
            rate in 1..2000_u32,
            arrivals in prop::collection::vec((0..3_usize, 1..2000_usize, 0..3 * SECOND), 1..200),
        ) {
            let rates = Rates { session_events: rate, ..NONE };
            let together = RateLimiter::new(rates);
            let alone = [0; 3].map(|_| RateLimiter::new(rates));
            let interval = SECOND / u64::from(rate);
            let (mut now, mut admitted) = (0, [0; 3]);
            for (session, events, pause) in arrivals {
                let admit = |now| {
                    let outcome = together.admit(request(session as u64, events), now);
                    assert_eq!(outcome, alone[session].admit(request(0, events), now));
                    outcome
                };
                now += pause;
                let mut outcome = admit(now);
                if let Err(Exceeded::SessionEvents(wait)) = outcome {
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
