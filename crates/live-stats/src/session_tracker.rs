//! Which events of a session have been seen, so that each is counted once.

use std::collections::BTreeSet;

/// The counts that were seen of one session. A session that arrives in order takes a few bytes,
/// however long it is.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// All counts below this one.
    below: u64,
    /// Those above that came early, because others are missing or late.
    #[expect(clippy::box_collection, reason = "a million sessions pay for it, and most have none")]
    early: Option<Box<BTreeSet<u64>>>,
    /// Whether the event with the highest count is an ExitPage.
    ends_with_exit: bool,
    /// How many of them are presses. Narrow, so that it takes no room of its own.
    pub(super) presses: u32,
}

/// What an event is to its session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It had been seen.
    Repeat,
    /// It is new, and there was no room to remember it.
    NoRoom,
    /// It is new; so many more counts are held apart than before.
    New { more_early: isize },
}

impl Seen {
    /// Takes in an event. `room` is how many counts may be held apart in all sessions.
    pub(super) fn note(&mut self, count: u64, is_exit: bool, room: bool) -> News {
        let highest = self.highest();
        let news = self.insert(count, room);
        if matches!(news, News::New { .. }) && highest.is_none_or(|highest| count > highest) {
            self.ends_with_exit = is_exit;
        }
        news
    }

    /// Whether its highest-count event is an ExitPage and every count below it was seen.
    pub(super) fn is_complete(&self) -> bool {
        self.ends_with_exit && self.early.is_none()
    }

    /// How many counts are held apart.
    pub(super) fn early(&self) -> usize {
        self.early.as_ref().map_or(0, |early| early.len())
    }

    fn highest(&self) -> Option<u64> {
        let early = self.early.as_ref().and_then(|early| early.last().copied());
        early.or_else(|| self.below.checked_sub(1))
    }

    fn insert(&mut self, count: u64, room: bool) -> News {
        if count < self.below {
            return News::Repeat;
        }
        if count > self.below {
            if self.early.as_ref().is_some_and(|early| early.contains(&count)) {
                return News::Repeat;
            }
            if !room {
                return News::NoRoom;
            }
            self.early.get_or_insert_default().insert(count);
            return News::New { more_early: 1 };
        }
        self.below += 1;
        let mut freed = 0;
        if let Some(early) = &mut self.early {
            while early.first() == Some(&self.below) {
                early.pop_first();
                self.below += 1;
                freed += 1;
            }
            if early.is_empty() {
                self.early = None;
            }
        }
        News::New { more_early: -freed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Seen>(), 24, "a million sessions pay for each byte");
    }

    #[test]
    fn each_count_is_new_once() {
        let mut seen = Seen::default();
        for (count, news) in [
            (0, News::New { more_early: 0 }),
            (0, News::Repeat),
            (3, News::New { more_early: 1 }),
            (2, News::New { more_early: 1 }),
            (2, News::Repeat),
            (1, News::New { more_early: -2 }),
            (3, News::Repeat),
        ] {
            assert_eq!(seen.note(count, false, true), news, "{count}");
        }
        assert_eq!(seen.early(), 0);
        assert_eq!(seen.note(9, false, false), News::NoRoom);
    }

    #[test]
    fn a_session_is_complete_when_its_last_event_is_an_exit_and_nothing_is_missing() {
        let mut seen = Seen::default();
        assert!(!seen.is_complete());
        seen.note(2, true, true);
        assert!(!seen.is_complete(), "0 and 1 are missing");
        seen.note(0, false, true);
        seen.note(1, false, true);
        assert!(seen.is_complete());
        seen.note(3, false, true);
        assert!(!seen.is_complete(), "it has come back");
        seen.note(4, true, true);
        assert!(seen.is_complete());
    }
}
