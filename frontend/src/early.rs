//! What happened before WebAssembly was up. Pure.
//!
//! `boot.js` runs before the page is painted: it names the session, notes what happens, and hands
//! all of it over when the application starts. Should the page be hidden before that, it stores its
//! notes; a later page makes an outbox of them ([`recover`]). Both go through [`Session`], so the
//! same notes always become the same events with the same identity.

use crate::{
    json::{Json, Value},
    outbox::{
        storage::Storage,
        stored::{self, StoredOutbox},
    },
    session::Session,
};
use schemas::{Event, Timestamp, Uuid};

/// Keys of stored notes begin with this, followed by the session's id. `boot.js` has it as well.
pub const KEY_PREFIX: &str = "kafka-button.early.";

/// What `boot.js` hands over, and what it stores.
#[derive(Debug, Default)]
pub struct Early {
    /// The session's id, read as any text, since an old browser may have failed to make one.
    pub session: String,
    /// The page's folder, like `/events`; empty at the root of its origin.
    pub folder: String,
    /// The visitors' group.
    pub cohort: Option<i32>,
    /// What happened, in order, with its time in whole milliseconds since 1970.
    pub log: Vec<(Signal, i64)>,
}

/// One thing that `boot.js` noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The page is in view.
    Shown,
    /// The page was hidden or left.
    Hidden,
    /// The button was pressed.
    Pressed,
}

impl Early {
    /// Notes that cannot be read are none.
    pub fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let json: Value = Json::parse(text)?;
        let note = |note: &Value| {
            let [signal, millis] = &note.items()?[..] else { return None };
            let signal = match &*signal.string()? {
                "shown" => Signal::Shown,
                "hidden" => Signal::Hidden,
                "pressed" => Signal::Pressed,
                _ => return None,
            };
            Some((signal, millis.whole()?))
        };
        Some(Self {
            session: json.field("session").string()?,
            folder: json.field("folder").string().unwrap_or_default(),
            cohort: json.field("cohort").cohort()?,
            log: json.field("log").items()?.iter().map(note).collect::<Option<_>>()?,
        })
    }

    /// The events that the notes describe, taken into `session`.
    pub fn replay(&self, session: &mut Session) -> Vec<Event> {
        let mut events = Vec::new();
        for (signal, millis) in &self.log {
            let at = Timestamp::from_millis_clamped(*millis as f64);
            match signal {
                Signal::Shown => events.extend(session.shown(at)),
                Signal::Hidden => events.extend(session.hidden(at)),
                Signal::Pressed => events.extend(session.pressed(at)),
            }
        }
        events
    }
}

/// The session whose notes this key holds, if it is such a key.
pub fn session_of(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key.strip_prefix(KEY_PREFIX)?).ok()
}

/// Makes an outbox of the notes under `key`, or adds them to the one that is there, for whoever
/// adopts it. An event that is there already stays as it is: it is the same one.
pub fn recover(storage: &mut impl Storage, key: &str) {
    let Some(id) = session_of(key) else { return };
    let Ok(Some(text)) = storage.read(key) else {
        return;
    };
    let early = Early::parse(&text);
    let events = early.replay(&mut Session::new(id));
    let outbox_key = stored::key(id);
    let mut outbox = match storage.read(&outbox_key) {
        Ok(Some(text)) => match StoredOutbox::parse(&text) {
            Some(outbox) => outbox,
            None => return, // It is set aside first; the notes wait for that.
        },
        Ok(None) => StoredOutbox { cohort: early.cohort, alive: 0, left: true, events: Vec::new() },
        Err(_) => return,
    };
    for event in events {
        if outbox.events.iter().all(|known| known.count != event.count) {
            outbox.events.push(event);
        }
    }
    if outbox.events.is_empty() || storage.write(&outbox_key, &outbox.to_text()).is_ok() {
        // Refused: the next page makes the same outbox again, with the same identities.
        let _repeated_at_worst = storage.remove(key);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::outbox::storage::Memory;

    const ID: &str = "01234567-89ab-4def-8123-456789abcdef";

    #[test]
    fn notes_of_a_page_that_never_started_become_an_outbox() {
        let mut storage = Memory::default();
        let key = format!("{KEY_PREFIX}{ID}");
        let text = format!(
            r#"{{"session":"{ID}","cohort":7,"log":[["shown",1000],["pressed",2001],["hidden",3000]]}}"#
        );
        storage.write(&key, &text).unwrap();
        recover(&mut storage, &key);

        let id = ID.parse().unwrap();
        let text = storage.read(&stored::key(id)).unwrap().unwrap();
        let stored = StoredOutbox::parse(&text).unwrap();
        let story: Vec<_> = stored
            .events
            .iter()
            .map(|event| (event.action.name(), event.count, event.timestamp.micros()))
            .collect();
        assert_eq!(
            story,
            [
                ("EnterPage", 0, 1_000_000),
                ("PressButton", 1, 2_001_000),
                ("ExitPage", 2, 3_000_000),
            ]
        );
        assert_eq!((stored.cohort, stored.left), (Some(7), true));
        assert_eq!(storage.read(&key).unwrap(), None);
    }

    #[test]
    fn junk_is_discarded() {
        let mut storage = Memory::default();
        let key = format!("{KEY_PREFIX}{ID}");
        storage.write(&key, "<html>").unwrap();
        recover(&mut storage, &key);
        assert_eq!(storage.keys().unwrap(), Vec::<String>::new());
        assert_eq!(Early::parse("{").session, "");
    }
}
