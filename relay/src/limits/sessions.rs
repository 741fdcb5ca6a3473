//! What each session has taken of its share, in a table that grows to a fixed size.
//!
//! A row is 24 bytes: a fingerprint of the session's name and two buckets. There are [`ROWS`] of them at
//! the most, 12 MB; a hall of ten thousand phones takes a fraction of that. A name leads to one set of [`WAYS`] rows by a hash with a key of this process, so
//! nobody can choose names that meet in one set. A set has its fingerprints side by side, and then the
//! buckets, so that one look touches two lines of the processor's cache. When the set is full, the row goes whose buckets have
//! been full for the longest: a session that has not been here for long, and loses nothing by it. Where there is no
//! such row, the part of the table that the set is in grows, as long as it may.
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

const NO_ROWS: Set = [0; 3 * WAYS];

/// Sets of a part when it is first used.
const FIRST_SETS: usize = 4;

/// The rates of a session and of all new ones, and who has taken what.
pub(super) struct Sessions {
    requests: Rate,
    events: Rate,
    newcomers: Rate,
    newcomers_full_at: Mutex<Nanos>,
    hasher: RandomState,
    /// Sets of a shard at the most.
    most: usize,
    /// Each is empty until it is used.
    shards: Box<[Mutex<Vec<Set>>]>,
}

impl Sessions {
    pub(super) fn new(requests: Rate, events: Rate, newcomers: Rate) -> Self {
        Self::with_rows(ROWS, requests, events, newcomers)
    }

    /// `rows` is a multiple of the rows of one set in each shard.
    fn with_rows(rows: usize, requests: Rate, events: Rate, newcomers: Rate) -> Self {
        Self {
            requests,
            events,
            newcomers,
            newcomers_full_at: Mutex::new(0),
            hasher: RandomState::new(),
            most: rows / SHARDS / WAYS,
            shards: std::iter::repeat_with(Mutex::default).take(SHARDS).collect(),
        }
    }

    /// Takes a request with so many events, or says how long to wait for that.
    pub(super) fn admit(&self, session: Uuid, events: usize, now: Nanos) -> Result<(), Limited> {
        let hash = self.hasher.hash_one(session.as_u128());
        let fingerprint = hash.max(1);
        // Different bits for the two choices.
        let shard = &self.shards[hash as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            shard.resize(FIRST_SETS.min(self.most), NO_ROWS);
        }
        let mut set = set_of(hash, &shard);
        let known = shard[set][..WAYS].iter().position(|known| *known == fingerprint);
        let row = match known {
            Some(row) => row,
            None => {
                self.admit_newcomer(now)?;
                let mut row = idlest(&shard[set]);
                while full_at(&shard[set], row) > now && shard.len() < self.most {
                    *shard = grown(&shard, self.most, now);
                    set = set_of(hash, &shard);
                    row = idlest(&shard[set]);
                }
                put(&mut shard[set], row, fingerprint, [0, 0]);
                row
            }
        };
        let (buckets, _) = shard[set][WAYS..].as_chunks_mut::<2>();
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

/// The set that a name with this hash belongs to. Other bits than those that choose the shard.
fn set_of(hash: u64, sets: &[Set]) -> usize {
    (hash >> 32) as usize % sets.len()
}

/// When both buckets of a row are full again; 0 for a free row.
fn full_at(set: &Set, row: usize) -> Nanos {
    set[WAYS + 2 * row].max(set[WAYS + 2 * row + 1])
}

/// The row whose buckets have been full for the longest, or are the first to be.
fn idlest(set: &Set) -> usize {
    (0..WAYS).min_by_key(|row| full_at(set, *row)).unwrap_or(0)
}

fn put(set: &mut Set, row: usize, fingerprint: u64, buckets: [Nanos; 2]) {
    set[row] = fingerprint;
    set[WAYS + 2 * row..][..2].copy_from_slice(&buckets);
}

/// Twice as many sets with the same rows, but for those whose buckets are full.
fn grown(sets: &[Set], most: usize, now: Nanos) -> Vec<Set> {
    let mut more = vec![NO_ROWS; (2 * sets.len()).min(most)];
    for old in sets {
        for row in (0..WAYS).filter(|row| full_at(old, *row) > now) {
            // A fingerprint is the hash, but for one that is 0, which is as good as any.
            let new = set_of(old[row], &more);
            let place = idlest(&more[new]);
            put(&mut more[new], place, old[row], [old[WAYS + 2 * row], old[WAYS + 2 * row + 1]]);
        }
    }
    more
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
        assert_eq!(kept(&sessions), rows);
    }

    /// How many rows there are.
    fn kept(sessions: &Sessions) -> usize {
        sessions.shards.iter().map(|shard| shard.lock().unwrap().len() * WAYS).sum()
    }

    #[test]
    fn the_table_grows_with_those_who_are_here_at_once() {
        let rate = Rate::per_second;
        let sessions = Sessions::with_rows(ROWS, rate(1), rate(0), rate(0));
        assert_eq!(kept(&sessions), 0);
        // One after the other: each has gone when the next comes.
        for n in 0..20_000 {
            assert_eq!(sessions.admit(id(n), 1, n * SECOND), Ok(()));
        }
        assert_eq!(kept(&sessions), SHARDS * WAYS * FIRST_SETS);
        // Together, each until it has to wait; nobody is forgotten when the table grows.
        let now = 20_000 * SECOND;
        let crowd = 100_000..120_000;
        for n in crowd.clone() {
            while sessions.admit(id(n), 1, now).is_ok() {}
        }
        assert!(crowd.clone().all(|n| sessions.admit(id(n), 1, now).is_err()));
        assert!((20_000..ROWS / 4).contains(&kept(&sessions)), "{}", kept(&sessions));
        // Once they are gone, their rows are taken by others.
        let rows = kept(&sessions);
        for n in 200_000..220_000 {
            let later = now + 60 * SECOND + (n - 200_000) * SECOND / 1000;
            assert_eq!(sessions.admit(id(n), 1, later), Ok(()));
        }
        assert_eq!(kept(&sessions), rows);
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
