//! What each session has taken of its share, in a table of a fixed size.
//!
//! A row is 24 bytes: a fingerprint of the session's name and two buckets. There are [`ROWS`] of them,
//! 12 MB, which the system hands out as they are first used: a stand of a hundred phones takes less
//! than a megabyte. A name leads to one set of [`WAYS`] rows by a hash with a key of this process, so
//! nobody can choose names that meet in one set. A set has its fingerprints side by side, and then the
//! buckets, so that one look touches two lines of the processor's cache. When the set is full, the row goes whose buckets have
//! been full for the longest: a session that has not been here for long, and loses nothing by it.
//!
//! Nothing runs in the background and nothing is ever swept: a row is as good as gone once its buckets
//! are full.

use super::{
    Limited,
    bucket::{Nanos, Rate},
};
use schemas::Uuid;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// Sessions that are remembered at the most.
pub(super) const ROWS: usize = 1 << 19;

/// Parts with a lock of their own. It is held for some tens of nanoseconds.
const SHARDS: usize = 64;

/// Rows in which a session may be.
const WAYS: usize = 8;

/// A fingerprint for each row, where 0 marks a free one, and then two buckets for each: of its requests
/// and of its events. An array of numbers, since zeros of those come from the system untouched.
type Set = [u64; 3 * WAYS];

/// The rates of a session and of all new ones, and who has taken what.
pub(super) struct Sessions {
    requests: Rate,
    events: Rate,
    newcomers: Rate,
    newcomers_full_at: Mutex<Nanos>,
    hasher: RandomState,
    shards: Box<[Mutex<Vec<Set>>]>,
}

impl Sessions {
    pub(super) fn new(requests: Rate, events: Rate, newcomers: Rate) -> Self {
        Self::with_rows(ROWS, requests, events, newcomers)
    }

    /// `rows` is a multiple of the rows of one set in each shard.
    fn with_rows(rows: usize, requests: Rate, events: Rate, newcomers: Rate) -> Self {
        let shard = || Mutex::new(vec![[0; 3 * WAYS]; rows / SHARDS / WAYS]);
        Self {
            requests,
            events,
            newcomers,
            newcomers_full_at: Mutex::new(0),
            hasher: RandomState::new(),
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
        }
    }

    /// Takes a request with so many events, or says how long to wait for that.
    pub(super) fn admit(&self, session: Uuid, events: usize, now: Nanos) -> Result<(), Limited> {
        let hash = self.hasher.hash_one(session.as_u128());
        let fingerprint = hash.max(1);
        // Different bits for the two choices.
        let shard = &self.shards[hash as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let set = (hash >> 32) as usize % shard.len();
        let (fingerprints, buckets) = shard[set].split_at_mut(WAYS);
        let (buckets, _) = buckets.as_chunks_mut::<2>();
        let known = fingerprints.iter().position(|known| *known == fingerprint);
        let row = match known {
            Some(row) => row,
            None => {
                self.admit_newcomer(now)?;
                let full_at = |row: &usize| buckets[*row][0].max(buckets[*row][1]);
                let row = (0..WAYS).min_by_key(full_at).unwrap_or(0);
                fingerprints[row] = fingerprint;
                buckets[row] = [0, 0];
                row
            }
        };
        let [requests, of_events] = &mut buckets[row];
        if let Some(wait) = self.requests.wait(*requests, now) {
            return Err(Limited::SessionRequests(wait));
        }
        if let Some(wait) = self.events.wait(*of_events, now) {
            return Err(Limited::SessionEvents(wait));
        }
        *requests = self.requests.take(*requests, 1, now);
        *of_events = self.events.take(*of_events, events, now);
        Ok(())
    }

    fn admit_newcomer(&self, now: Nanos) -> Result<(), Limited> {
        let mut full_at = self.newcomers_full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if self.newcomers.wait(*full_at, now).is_some() {
            return Err(Limited::NewSessions);
        }
        *full_at = self.newcomers.take(*full_at, 1, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    fn sessions(rows: usize) -> Sessions {
        let rate = Rate::per_second;
        Sessions::with_rows(rows, rate(20), rate(500), rate(1000))
    }

    fn id(number: u64) -> Uuid {
        Uuid::from_u128(number.into())
    }

    #[test]
    fn one_that_floods_is_told_to_wait_and_others_are_not() {
        let sessions = sessions(ROWS);
        let mut taken = 0;
        for millisecond in 0..10_000 {
            let now = millisecond * SECOND / 1000;
            match sessions.admit(id(1), 1, now) {
                Ok(()) => taken += 1,
                Err(Limited::SessionRequests(wait)) => assert!(wait.as_millis() <= 50, "{wait:?}"),
                Err(other) => panic!("{other:?}"),
            }
            // A hundred phones, each of which presses once a second.
            let phone = id(2 + millisecond % 100);
            if millisecond / 100 % 10 == 0 {
                assert_eq!(sessions.admit(phone, 1, now), Ok(()));
            }
        }
        assert!((400..=402).contains(&taken), "{taken}");
    }

    #[test]
    fn two_hundred_presses_a_second_for_a_minute_are_never_limited() {
        let sessions = sessions(ROWS);
        for tenth in 0..600 {
            assert_eq!(sessions.admit(id(1), 20, tenth * SECOND / 10), Ok(()));
        }
    }

    #[test]
    fn a_batch_of_any_size_comes_through_some_day() {
        let sessions = sessions(ROWS);
        assert_eq!(sessions.admit(id(1), 1_000_000, 0), Ok(()));
        let Err(Limited::SessionEvents(wait)) = sessions.admit(id(1), 1, 0) else {
            panic!("it is not told to wait");
        };
        assert_eq!(wait.as_secs(), 2000 - 10);
        assert_eq!(sessions.admit(id(1), 1, wait.as_nanos() as Nanos), Ok(()));
    }

    #[test]
    fn known_sessions_go_on_while_new_ones_have_to_wait() {
        let sessions = sessions(ROWS);
        assert_eq!(sessions.admit(id(0), 1, 0), Ok(()));
        let refused = (1..20_000).filter(|n| sessions.admit(id(*n), 1, 0).is_err()).count();
        assert!((9990..=10_000).contains(&refused), "{refused}");
        assert_eq!(sessions.admit(id(0), 1, 0), Ok(()));
        assert_eq!(sessions.admit(id(30_000), 1, 0), Err(Limited::NewSessions));
        assert_eq!(sessions.admit(id(30_000), 1, SECOND), Ok(()));
    }

    #[test]
    fn a_full_table_forgets_those_who_were_here_longest_ago() {
        let rate = Rate::per_second;
        let rows = SHARDS * WAYS * 4;
        let sessions = Sessions::with_rows(rows, rate(1), rate(0), rate(0));
        // One that has used up its requests, and comes again and again.
        while sessions.admit(id(0), 1, 0).is_ok() {}
        for n in 1..=10 * rows as u64 {
            let now = n * SECOND / rows as u64;
            assert_eq!(sessions.admit(id(n), 1, now), Ok(()), "there is room for {n}");
            let held = sessions.admit(id(0), 1, now).is_err();
            assert!(held || now >= SECOND / 2, "it is not forgiven at {now}");
        }
        let kept: usize = sessions.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert_eq!(kept * WAYS, rows);
    }

    proptest! {
        /// A session's share does not depend on what others do, as long as the table has room.
        #[test]
        fn sessions_know_nothing_of_each_other(
            story in prop::collection::vec((0..5_u64, 0..2000_usize, 0..SECOND), 1..300),
        ) {
            let together = Sessions::with_rows(ROWS, Rate::per_second(2), Rate::per_second(50), Rate::per_second(0));
            let alone: Vec<_> = (0..5)
                .map(|_| Sessions::with_rows(SHARDS * WAYS, Rate::per_second(2), Rate::per_second(50), Rate::per_second(0)))
                .collect();
            let mut now = 0;
            for (session, events, pause) in story {
                now += pause;
                prop_assert_eq!(
                    together.admit(id(session), events, now),
                    alone[session as usize].admit(id(session), events, now)
                );
            }
        }
    }
}
