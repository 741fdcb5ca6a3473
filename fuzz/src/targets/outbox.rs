//! What lies in the browser's storage, where anybody may have written it.

use frontend::{
    json::Json,
    outbox::stored::{StoredOutbox, session_of},
};
use serde_json::Value;

/// What is read is written and read again the same, and what is JSON is read as what it is. The page may
/// take more for JSON than is: numbers are whatever consists of the signs of numbers.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = session_of(text);
    if let (Some(json), Ok(value)) = (Json::parse(text), serde_json::from_str(text)) {
        assert!(is_same(&json, &value), "{json:?}, {value:?}");
    }
    if let Some(outbox) = StoredOutbox::parse(text) {
        assert_eq!(StoredOutbox::parse(&outbox.to_text()), Some(outbox));
    }
}

fn is_same(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Null) | (Json::Number(_), Value::Number(_)) => true,
        (Json::Bool(one), Value::Bool(other)) => one == other,
        (Json::Text(one), Value::String(other)) => one == other,
        (Json::List(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, it)| is_same(one, it))
        }
        (Json::Object(fields), Value::Object(other)) => {
            // Where a name stands twice, one takes the first and the other the last.
            let twice = fields.len() != other.len();
            let same = |(name, it): &(String, Json)| {
                other.get(name).is_some_and(|other| is_same(it, other))
            };
            twice || fields.iter().all(same)
        }
        _ => false,
    }
}
