//! Session tracker: which events of a session have been counted, so that each is counted once.

use std::collections::BTreeSet;

/// The counts of one session. A session that arrives in order takes a few bytes, however long it is.
#[derive(Debug, Default)]
pub(crate) struct SessionTracker {
    /// All counts below this one.
    below: u64,
    /// Those above, because others are missing or late.
    #[expect(clippy::box_collection, reason = "a million sessions pay for it, and most have none")]
    out_of_order: Option<Box<BTreeSet<u64>>>,
    /// Whether the event with the highest count is an ExitPage.
    ends_with_exit: bool,
    /// How many of them are presses. Narrow, so that it takes no room of its own.
    pub(crate) presses: u32,
}

/// Result of an insertion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It was there.
    Repeat,
    /// It is new, and there was no room for it.
    NoRoom,
    /// It is new; by so many more counts are kept out of order than before.
    New { out_of_order: isize },
}

impl SessionTracker {
    /// Inserts an event. `has_room` is whether one more count may be kept out of order.
    pub(crate) fn insert(&mut self, count: u64, is_exit: bool, has_room: bool) -> Insertion {
        let highest = self.highest();
        let insertion = self.insert_count(count, has_room);
        let is_new = matches!(insertion, Insertion::New { .. });
        if is_new && highest.is_none_or(|highest| count > highest) {
            self.ends_with_exit = is_exit;
        }
        insertion
    }

    /// Whether its highest-count event is an ExitPage and every count below it is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.ends_with_exit && self.out_of_order.is_none()
    }

    /// How many counts are kept out of order.
    pub(crate) fn out_of_order(&self) -> usize {
        self.out_of_order.as_ref().map_or(0, |counts| counts.len())
    }

    fn highest(&self) -> Option<u64> {
        let last = self.out_of_order.as_ref().and_then(|counts| counts.last().copied());
        last.or_else(|| self.below.checked_sub(1))
    }

    fn insert_count(&mut self, count: u64, has_room: bool) -> Insertion {
        if count < self.below {
            return Insertion::Repeat;
        }
        if count > self.below {
            if self.out_of_order.as_ref().is_some_and(|counts| counts.contains(&count)) {
                return Insertion::Repeat;
            }
            if !has_room {
                return Insertion::NoRoom;
            }
            self.out_of_order.get_or_insert_default().insert(count);
            return Insertion::New { out_of_order: 1 };
        }
        self.below += 1;
        let mut freed = 0;
        if let Some(counts) = &mut self.out_of_order {
            while counts.first() == Some(&self.below) {
                counts.pop_first();
                self.below += 1;
                freed += 1;
            }
            if counts.is_empty() {
                self.out_of_order = None;
            }
        }
        Insertion::New { out_of_order: -freed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracker_is_small() {
        assert_eq!(size_of::<SessionTracker>(), 24, "a million sessions pay for each byte");
    }

    #[test]
    fn each_count_is_new_once() {
        let mut tracker = SessionTracker::default();
        for (count, insertion) in [
            (0, Insertion::New { out_of_order: 0 }),
            (0, Insertion::Repeat),
            (3, Insertion::New { out_of_order: 1 }),
            (2, Insertion::New { out_of_order: 1 }),
            (2, Insertion::Repeat),
            (1, Insertion::New { out_of_order: -2 }),
            (3, Insertion::Repeat),
        ] {
            assert_eq!(tracker.insert(count, false, true), insertion, "{count}");
        }
        assert_eq!(tracker.out_of_order(), 0);
        assert_eq!(tracker.insert(9, false, false), Insertion::NoRoom);
    }

    #[test]
    fn session_is_complete_if_it_ends_with_an_exit_and_nothing_is_missing() {
        let mut tracker = SessionTracker::default();
        assert!(!tracker.is_complete());
        tracker.insert(2, true, true);
        assert!(!tracker.is_complete(), "0 and 1 are missing");
        tracker.insert(0, false, true);
        tracker.insert(1, false, true);
        assert!(tracker.is_complete());
        tracker.insert(3, false, true);
        assert!(!tracker.is_complete(), "it has come back");
        tracker.insert(4, true, true);
        assert!(tracker.is_complete());
    }
}
