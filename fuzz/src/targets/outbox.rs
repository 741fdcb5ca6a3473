//! What lies in the browser's storage, where anybody may have written it.

use frontend::{
    early::Early,
    outbox::stored::{StoredOutbox, session_of},
};

/// What is read is written and read again the same. In the browser `JSON.parse` reads it, here serde_json.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = session_of(text);
    let _ = Early::parse(text);
    if let Some(outbox) = StoredOutbox::parse(text) {
        assert_eq!(StoredOutbox::parse(&outbox.to_text()), Some(outbox));
    }
}
