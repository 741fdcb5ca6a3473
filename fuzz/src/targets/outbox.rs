//! What lies in the browser's storage, where anybody may have written it.

use frontend::{
    json::Json,
    outbox::stored::{StoredOutbox, session_of},
};

/// What is read is written and read again the same; what the page takes for JSON is JSON.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = session_of(text);
    if Json::parse(text).is_some() {
        let value = serde_json::from_str::<serde_json::Value>(text);
        // Beyond the range of numbers there: the page keeps them as they are written.
        let out_of_range = |error: &serde_json::Error| error.to_string().contains("out of range");
        assert!(value.as_ref().err().is_none_or(out_of_range), "{value:?}");
    }
    if let Some(outbox) = StoredOutbox::parse(text) {
        assert_eq!(StoredOutbox::parse(&outbox.to_text()), Some(outbox));
    }
}
