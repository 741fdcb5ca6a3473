//! Session tracker: which events of a session are counted, so that none is counted twice.

use std::collections::BTreeSet;

/// The counted events of one session. Events in order take a few bytes, however many they are.
#[derive(Debug, Default)]
pub(crate) struct SessionTracker {
    /// Every count below this one is inserted.
    in_order: u64,
    /// Inserted counts above it, behind missing ones.
    #[expect(clippy::box_collection, reason = "smaller: most of a million sessions have none")]
    out_of_order: Option<Box<BTreeSet<u64>>>,
    /// Whether the event with the highest count is an ExitPage.
    ends_with_exit: bool,
}

/// Result of an insertion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InsertResult {
    /// Inserted.
    New,
    /// It was inserted before.
    Duplicate,
    /// Not inserted: it is out of order, and there is no capacity for it.
    Full,
}

impl SessionTracker {
    /// Inserts an event. `has_capacity` is whether one more count may be kept out of order.
    pub(crate) fn insert(&mut self, count: u64, is_exit: bool, has_capacity: bool) -> InsertResult {
        let is_out_of_order = |counts: &BTreeSet<u64>| counts.contains(&count);
        if count < self.in_order || self.out_of_order.as_deref().is_some_and(is_out_of_order) {
            return InsertResult::Duplicate;
        }
        if count > self.in_order && !has_capacity {
            return InsertResult::Full;
        }
        if self.highest().is_none_or(|highest| count > highest) {
            self.ends_with_exit = is_exit;
        }
        if count > self.in_order {
            self.out_of_order.get_or_insert_default().insert(count);
            return InsertResult::New;
        }
        self.in_order += 1;
        if let Some(counts) = &mut self.out_of_order {
            while counts.remove(&self.in_order) {
                self.in_order += 1;
            }
            if counts.is_empty() {
                self.out_of_order = None;
            }
        }
        InsertResult::New
    }

    /// Whether no count is missing and the last event is an ExitPage.
    pub(crate) fn is_complete(&self) -> bool {
        self.ends_with_exit && self.out_of_order.is_none()
    }

    /// The number of counts that are kept out of order.
    pub(crate) fn out_of_order(&self) -> usize {
        self.out_of_order.as_ref().map_or(0, |counts| counts.len())
    }

    fn highest(&self) -> Option<u64> {
        let last = self.out_of_order.as_ref().and_then(|counts| counts.last().copied());
        last.or_else(|| self.in_order.checked_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracker_takes_24_bytes() {
        assert_eq!(size_of::<SessionTracker>(), 24, "up to a million sessions are tracked");
    }

    #[test]
    fn insert_returns_new_once_for_each_count() {
        let mut tracker = SessionTracker::default();
        for (count, result, out_of_order) in [
            (0, InsertResult::New, 0),
            (0, InsertResult::Duplicate, 0),
            (3, InsertResult::New, 1),
            (2, InsertResult::New, 2),
            (2, InsertResult::Duplicate, 2),
            (1, InsertResult::New, 0),
            (3, InsertResult::Duplicate, 0),
        ] {
            assert_eq!(tracker.insert(count, false, true), result, "{count}");
            assert_eq!(tracker.out_of_order(), out_of_order, "{count}");
        }
        assert_eq!(tracker.insert(9, true, false), InsertResult::Full);
        assert!(!tracker.is_complete() && tracker.out_of_order() == 0);
    }

    #[test]
    fn session_is_complete_if_no_count_is_missing_and_it_ends_with_exit() {
        let mut tracker = SessionTracker::default();
        assert!(!tracker.is_complete());
        tracker.insert(2, true, true);
        assert!(!tracker.is_complete(), "0 and 1 are missing");
        tracker.insert(0, false, true);
        tracker.insert(1, false, true);
        assert!(tracker.is_complete());
        tracker.insert(3, false, true);
        assert!(!tracker.is_complete(), "the page was entered again");
        tracker.insert(4, true, true);
        assert!(tracker.is_complete());
    }
}
