//! What lies in the browser's storage: one key per session, so that tabs never write each other's.
//!
//! Whose is it? The page that owns a session holds its events in memory as well, and writes the
//! whole outbox whenever it changes: its memory is the truth, and a write of another page can
//! undo nothing for longer than until the owner's next one. A page may *adopt* an outbox whose
//! owner is gone. It sends copies, and removes by identity only, after reading the key again.
//!
//! How a page knows that an owner is gone: the owner writes [`StoredOutbox::alive`] with each change
//! and each attempt (unless it has just done so), at most about [`HEARTBEAT_TIMEOUT_MILLIS`] apart, and
//! [`StoredOutbox::left`] when its page is hidden or left. Left, or too long without a heartbeat: it may
//! be adopted. The adopter holds the Web Lock named like the key, where there are any (secure contexts),
//! so that of several pages only one adopts it.
//!
//! The owner holds no lock, which would tell more exactly: Firefox keeps no page with one in the
//! back/forward cache, and loses the last request of many a page that it does not keep.
//!
//! The rule may err (a page may come back from the back/forward cache, a clock may jump). Then two
//! pages send the same events, which is harmless: identity and content are the same.

use crate::json::{Json, Value};
use schemas::{Action, Event, Timestamp, Uuid};

/// Keys of outboxes begin with this, followed by the session's id. (What the browser stores carries the
/// page's folder as well: `bindings/local_storage.rs`.)
pub const KEY_PREFIX: &str = "kafka-button.outbox.";
/// Text that could not be read is kept under this, followed by the rest of its old key.
pub const UNREADABLE_PREFIX: &str = "kafka-button.unreadable.";
/// After this long without a heartbeat the owner of an outbox counts as gone. An owner with
/// something to send shows one at least every 38 s (longest backoff and timeout); Retry-After can
/// stretch that to 68 s.
pub const HEARTBEAT_TIMEOUT_MILLIS: f64 = 90_000.0;

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
    /// The owner's latest heartbeat: whole milliseconds since 1970 by the visitor's clock.
    pub alive: i64,
    /// The owner's page was hidden or left.
    pub left: bool,
    /// Every event that is not acknowledged, as rows of microseconds, action and count: the page can do
    /// without reading ISO 8601.
    pub events: Vec<Event>,
}

fn row(event: &Event) -> String {
    let (micros, count) = (event.timestamp.micros().to_string(), event.count.to_string());
    ["[", &micros, ",\"", event.action.name(), "\",", &count, "]"].concat()
}

fn event(row: &Value) -> Option<Event> {
    let [micros, action, count] = &row.items()?[..] else { return None };
    // JavaScript's numbers do not hold all microseconds after the year 2255, but the milliseconds of which
    // its clock is made.
    let micros = micros.number().filter(|micros| *micros >= 0.0)?;
    let timestamp = Timestamp::from_millis_clamped((micros / 1000.0).round());
    if (timestamp.micros() as f64 - micros).abs() > 1000.0 {
        return None; // After the year 9999.
    }
    Some(Event { timestamp, action: Action::parse(&action.string()?)?, count: count.count()? })
}

impl StoredOutbox {
    /// `None` where the text is not an outbox: cut off, foreign, or of another version.
    pub fn parse(text: &str) -> Option<Self> {
        let json: Value = Json::parse(text)?;
        Some(Self {
            cohort: json.field("cohort").cohort()?,
            alive: json.field("alive").whole()?,
            left: json.field("left").bool()?,
            events: json.field("events").items()?.iter().map(event).collect::<Option<_>>()?,
        })
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        let cohort = self.cohort.map(|cohort| ["\"cohort\":", &cohort.to_string(), ","].concat());
        let rows: Vec<String> = self.events.iter().map(row).collect();
        let text = [
            "{",
            &cohort.unwrap_or_default(),
            "\"alive\":",
            &self.alive.to_string(),
            if self.left { ",\"left\":true" } else { ",\"left\":false" },
            ",\"events\":[",
            &rows.join(","),
            "]}",
        ];
        text.concat()
    }

    /// Whether the owner seems to be gone. A heartbeat from the future shows that a clock jumped, and
    /// nothing about the owner.
    pub fn is_abandoned(&self, now_millis: f64) -> bool {
        self.left || (now_millis - self.alive as f64).abs() > HEARTBEAT_TIMEOUT_MILLIS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schemas::MAX_SAFE_INTEGER;

    proptest! {
        #[test]
        fn is_read_as_it_was_written(
            cohort: Option<i32>,
            alive in -(MAX_SAFE_INTEGER as i64)..=MAX_SAFE_INTEGER as i64,
            left: bool,
            // To the year 9999 and beyond.
            story in prop::collection::vec((0..260_000_000_000_000u64, 0..3usize, 0..=MAX_SAFE_INTEGER), 0..9),
        ) {
            let events = story.into_iter().filter_map(|(millis, action, count)| {
                let timestamp = Timestamp::from_millis_clamped(millis as f64);
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
        for micros in ["-5", "253402300801000000", "\"5\"", "1e99"] {
            assert_eq!(StoredOutbox::parse(&text.replace('5', micros)), None, "{micros}");
        }
        for count in ["-7", "7.5", "9007199254740992"] {
            assert_eq!(StoredOutbox::parse(&text.replace('7', count)), None, "{count}");
        }
    }
}
