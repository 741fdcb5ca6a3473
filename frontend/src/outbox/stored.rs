//! What lies in the browser's storage: one key per session, so that tabs never write each other's.
//!
//! Whose is it? The page that owns a session holds its events in memory as well, and writes the
//! whole outbox whenever it changes: its memory is the truth, and a write of another page can
//! undo nothing for longer than until the owner's next one. A page may *adopt* an outbox whose
//! owner is gone. It sends copies, and removes by identity only, after reading the key again.
//!
//! How a page knows that an owner is gone: the owner writes [`StoredOutbox::alive`] with each change
//! and each attempt (unless it has just done so), at most about [`SIGN_OF_LIFE_MILLIS`] apart, and [`StoredOutbox::left`] when its
//! page is hidden or left. Left, or too long without a sign of life: it may be adopted. Whoever
//! adopts it holds the Web Lock named like the key, where there are any (secure contexts), so that
//! of several pages only one does.
//!
//! The owner holds no lock, which would tell more exactly: Firefox keeps no page with one in the
//! back/forward cache, and loses the last request of many a page that it does not keep.
//!
//! The rule may err (a page may come back from the back/forward cache, a clock may jump). Then two
//! pages send the same events, which is harmless: identity and content are the same.

use crate::json::Json;
use schemas::{Action, Event, Timestamp, Uuid};

/// Keys of outboxes begin with this, followed by the session's id.
pub const KEY_PREFIX: &str = "kafka-button.outbox.";
/// Text that could not be read is kept under this, followed by the rest of its old key.
pub const SET_ASIDE_PREFIX: &str = "kafka-button.unreadable.";
/// After this long without a sign of life the owner of an outbox counts as gone. An owner with
/// something to send shows one at least every 38 s (longest backoff and timeout); Retry-After can
/// stretch that to 68 s.
pub const SIGN_OF_LIFE_MILLIS: f64 = 90_000.0;

/// The storage key of a session's outbox.
pub fn key(session_id: Uuid) -> String {
    format!("{KEY_PREFIX}{session_id}")
}

/// The session whose outbox this key holds, if it is such a key.
pub fn session_of(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key.strip_prefix(KEY_PREFIX)?).ok()
}

/// The value under [`key`], as JSON.
#[derive(Debug, Default, PartialEq)]
pub struct StoredOutbox {
    /// The visitors' group that the session belongs to.
    pub cohort: Option<i32>,
    /// When the owner last showed a sign of life: whole milliseconds since 1970 by the visitor's clock.
    pub alive: i64,
    /// The owner's page was hidden or left.
    pub left: bool,
    /// Every event that is not acknowledged, as rows of microseconds, action and count: the page
    /// can do without reading ISO 8601.
    pub events: Vec<Event>,
}

impl StoredOutbox {
    /// `None` where the text is not an outbox: cut off, foreign, or of another version.
    pub fn parse(text: &str) -> Option<Self> {
        let json = Json::parse(text)?;
        let Json::Bool(left) = *json.get("left") else { return None };
        let row = |row: &Json| {
            let [micros, action, count] = row.list()? else { return None };
            Some(Event {
                timestamp: Timestamp::from_micros(micros.whole()?)?,
                action: Action::parse(action.text()?)?,
                count: count.count()?,
            })
        };
        Some(Self {
            cohort: json.get("cohort").cohort()?,
            alive: json.get("alive").whole()?,
            left,
            events: json.get("events").list()?.iter().map(row).collect::<Option<_>>()?,
        })
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        let mut text = String::from("{");
        if let Some(cohort) = self.cohort {
            text += "\"cohort\":";
            text += &cohort.to_string();
            text += ",";
        }
        text += "\"alive\":";
        text += &self.alive.to_string();
        text += if self.left { ",\"left\":true" } else { ",\"left\":false" };
        text += ",\"events\":[";
        for (at, event) in self.events.iter().enumerate() {
            text += if at > 0 { ",[" } else { "[" };
            text += &event.timestamp.micros().to_string();
            text += ",\"";
            text += event.action.name();
            text += "\",";
            text += &event.count.to_string();
            text += "]";
        }
        text += "]}";
        text
    }

    /// Whether the owner seems to be gone. A sign of life from the
    /// future says that a clock jumped, and nothing about the owner.
    pub fn is_abandoned(&self, now_millis: f64) -> bool {
        self.left || (now_millis - self.alive as f64).abs() > SIGN_OF_LIFE_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_read_as_it_was_written(
            cohort: Option<i32>,
            alive: i64,
            left: bool,
            story in prop::collection::vec((0..4_000_000_000_000_000i64, 0..3usize, any::<u64>()), 0..9),
        ) {
            let events = story.into_iter().filter_map(|(micros, action, count)| {
                let timestamp = Timestamp::from_micros(micros)?;
                Some(Event { timestamp, action: *Action::ALL.get(action)?, count })
            });
            let stored = StoredOutbox { cohort, alive, left, events: events.collect() };
            prop_assert_eq!(StoredOutbox::parse(&stored.to_text()), Some(stored));
        }
    }

    #[test]
    fn what_is_cut_off_or_out_of_range_is_no_outbox() {
        let text = r#"{"alive":1,"left":true,"events":[[5,"PressButton",7]]}"#;
        assert!(StoredOutbox::parse(text).is_some());
        assert_eq!(StoredOutbox::parse(&text[..40]), None);
        assert_eq!(StoredOutbox::parse(&text.replace('5', "-5")), None);
    }
}
