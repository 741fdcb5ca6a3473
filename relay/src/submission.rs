//! From the body of a request to events: parse, don't validate.
//!
//! Pure. Each event is judged on its own, so that a bad one never holds up the others. What comes
//! out can be stored and produced without any further check.

use crate::store::Received;
use schemas::{
    Action, ButtonPress, Event, EventRejection, MAX_COUNT, Place, RejectReason, Timestamp, Uuid,
};
use serde::{
    Deserialize,
    de::{self, Unexpected},
};
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

/// More events than a request has room for, if each has a time and an action. Others are not to
/// become a refusal of two hundred bytes each, at two bytes a piece.
pub const MAX_EVENTS: usize = 2000;

/// What a request holds.
#[derive(Debug, PartialEq)]
pub struct Submission {
    /// The session that all events belong to.
    pub session_id: Uuid,
    /// Group of visitors.
    pub cohort: Option<i32>,
    /// The events that can be taken, in the order of the request.
    pub events: Vec<Event>,
    /// The events that never can.
    pub rejected: Vec<EventRejection>,
    /// How many JSON objects, the whole and its events, have fields that nobody here knows: a newer
    /// page, or somebody who tries things. The fields are passed over.
    pub with_unknown_fields: usize,
}

/// The body is no `EventBatch`; nothing of it can be taken.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of the expected shape. The text says where.
    #[error(
        "the body is not a batch of events: {0}. It should be {{\"session_id\": \"…\", \"events\": [{{\"timestamp\": \"…\", \"action\": \"…\", \"count\": 0}}]}}"
    )]
    Json(String),
    /// Not UTF-8 (RFC 8259, section 8.1), perhaps in a place that nobody would read.
    #[error("the body is not text in UTF-8, at byte {0}")]
    NotText(usize),
    /// The session's id is no UUID.
    #[error("session_id is not a UUID in its 36-character form")]
    SessionId,
    /// More events than [`MAX_EVENTS`].
    #[error("there are more than {MAX_EVENTS} events")]
    TooMany,
}

/// The envelope; the events stay text until each is looked at.
#[derive(Deserialize)]
struct Envelope<'a> {
    session_id: String,
    #[serde(default)]
    cohort: Option<i32>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// An envelope without anything else in it, as our pages send it. Reading one costs nothing more than
/// reading any, and tells whether there was something else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainEnvelope<'a> {
    session_id: String,
    #[serde(default)]
    cohort: Option<i32>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// A whole body as our pages send it, without anything else in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainBatch<'a> {
    session_id: &'a str,
    #[serde(default)]
    cohort: Option<i32>,
    events: Vec<PlainEvent>,
}

/// An event without anything else in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainEvent {
    timestamp: Timestamp,
    action: Action,
    count: u64,
}

impl<'a> Envelope<'a> {
    /// The envelope, and whether it has unknown fields.
    fn parse(body: &'a str) -> Result<(Self, bool), serde_json::Error> {
        // A struct can be read from a list as well, which is not the contract.
        if body.trim_ascii_start().starts_with('[') {
            return Err(de::Error::invalid_type(Unexpected::Seq, &"an object"));
        }
        match serde_json::from_str(body) {
            Ok(PlainEnvelope { session_id, cohort, events }) => {
                Ok((Self { session_id, cohort, events }, false))
            }
            Err(_) => Ok((serde_json::from_str(body)?, true)),
        }
    }
}

/// The id of a session in its 36-character form.
fn parse_session_id(text: &str) -> Option<Uuid> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_hyphenated)
}

/// An event, and whether it has unknown fields.
fn parse_event(text: &str) -> Option<(Event, bool)> {
    if text.starts_with('[') {
        return None;
    }
    let (event, more) = match serde_json::from_str(text) {
        Ok(PlainEvent { timestamp, action, count }) => (Event { timestamp, action, count }, false),
        Err(_) => (serde_json::from_str(text).ok()?, true),
    };
    (event.count <= MAX_COUNT).then_some((event, more))
}

impl Submission {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let body = str::from_utf8(body).map_err(|error| Malformed::NotText(error.valid_up_to()))?;
        match Self::parse_plain(body) {
            Some(submission) => Ok(submission),
            None => Self::parse_any(body),
        }
    }

    /// Reads a body in which all is well, at one go. `None` for any other.
    fn parse_plain(body: &str) -> Option<Self> {
        // An event can be read from a list as well, which is not the contract.
        if body.bytes().filter(|byte| *byte == b'[').count() != 1 {
            return None;
        }
        let PlainBatch { session_id, cohort, events } = serde_json::from_str(body).ok()?;
        let is_sound = |event: &PlainEvent| event.count <= MAX_COUNT;
        if events.len() > MAX_EVENTS || !events.iter().all(is_sound) {
            return None;
        }
        Some(Self {
            session_id: parse_session_id(session_id)?,
            cohort,
            events: events
                .into_iter()
                .map(|PlainEvent { timestamp, action, count }| Event { timestamp, action, count })
                .collect(),
            rejected: Vec::new(),
            with_unknown_fields: 0,
        })
    }

    /// Reads a body event by event, so that each is judged by itself.
    fn parse_any(body: &str) -> Result<Self, Malformed> {
        let (envelope, more) =
            Envelope::parse(body).map_err(|error| Malformed::Json(error.to_string()))?;
        if envelope.events.len() > MAX_EVENTS {
            return Err(Malformed::TooMany);
        }
        let mut with_unknown_fields = usize::from(more);
        let session_id = parse_session_id(&envelope.session_id).ok_or(Malformed::SessionId)?;
        let mut events = Vec::with_capacity(envelope.events.len());
        let mut rejected = Vec::new();
        for (index, text) in envelope.events.into_iter().enumerate() {
            match parse_event(text.get()) {
                Some((event, more)) => {
                    events.push(event);
                    with_unknown_fields += usize::from(more);
                }
                None => rejected.push(reject(index, text)),
            }
        }
        Ok(Self { session_id, cohort: envelope.cohort, events, rejected, with_unknown_fields })
    }

    /// The whole records of the events that can be taken.
    pub fn into_received(self, place: &Arc<Place>, received_at: Timestamp) -> Vec<Received> {
        let Self { session_id, cohort, events, .. } = self;
        let press = |event| ButtonPress { session_id, event, place: Arc::clone(place), cohort };
        events.into_iter().map(|event| Received { press: press(event), received_at }).collect()
    }
}

/// Finds out what is wrong with an event that could not be read.
fn reject(index: usize, text: &RawValue) -> EventRejection {
    let value: Value = serde_json::from_str(text.get()).unwrap_or(Value::Null);
    let count = value["count"].as_u64().filter(|count| *count <= MAX_COUNT);
    let action = value["action"].as_str().and_then(Action::parse);
    let timestamp = value["timestamp"].as_str().and_then(Timestamp::parse);
    let (reason, detail) = if !value.is_object() {
        (
            RejectReason::NotAnEvent,
            "an event is an object with timestamp, action and count".to_owned(),
        )
    } else if count.is_none() {
        (RejectReason::BadCount, format!("count is not a whole number from 0 to {MAX_COUNT}"))
    } else if action.is_none() {
        let names = Action::ALL.map(Action::name).join(", ");
        (RejectReason::UnknownAction, format!("action is none of {names}"))
    } else if timestamp.is_none() {
        (
            RejectReason::BadTimestamp,
            "timestamp is not ISO 8601 with an offset in the years 1970 to 9999".to_owned(),
        )
    } else {
        // All three are there and sound: a name must stand twice.
        (RejectReason::NotAnEvent, "a name stands twice in the event".to_owned())
    };
    EventRejection { index, count, reason, detail }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const SESSION: &str = "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e";
    const GOOD: &str =
        r#"{"timestamp":"2025-03-07T10:33:46.754240+00:00","action":"PressButton","count":1}"#;

    fn parse(events: &str) -> Submission {
        let body = format!(r#"{{"session_id":"{SESSION}","events":[{events}]}}"#);
        Submission::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn one_bad_event_does_not_hold_up_the_others() {
        let submission = parse(&format!(r#"{GOOD},{{"count":2}},{GOOD}"#));
        assert_eq!(submission.events.len(), 2);
        assert_eq!(submission.rejected.len(), 1);
        assert_eq!((submission.rejected[0].index, submission.rejected[0].count), (1, Some(2)));
    }

    #[test]
    fn every_reason_is_told() {
        let event = |timestamp: &str, action: &str, count: &str| {
            format!(r#"{{"timestamp":{timestamp},"action":{action},"count":{count}}}"#)
        };
        let time = r#""2025-03-07T10:33:46Z""#;
        let press = r#""PressButton""#;
        use RejectReason::*;
        for (text, expected) in [
            ("7".to_owned(), NotAnEvent),
            ("null".to_owned(), NotAnEvent),
            ("[]".to_owned(), NotAnEvent),
            (r#"["2025-03-07T10:33:46Z","PressButton",1]"#.to_owned(), NotAnEvent),
            (event(time, press, "-0"), BadCount),
            ("{}".to_owned(), BadCount),
            (event(time, press, "-1"), BadCount),
            (event(time, press, "1.5"), BadCount),
            (event(time, press, "1.0"), BadCount),
            (event(time, press, "1e400"), NotAnEvent),
            (event(time, press, "9007199254740992"), BadCount),
            (event(time, press, "99999999999999999999999"), BadCount),
            (event(time, press, r#""1""#), BadCount),
            (event(time, r#""pressbutton""#, "1"), UnknownAction),
            (event(time, "null", "1"), UnknownAction),
            (event(r#""2025-03-07T10:33:46""#, press, "1"), BadTimestamp),
            (event(r#""yesterday""#, press, "1"), BadTimestamp),
            (event("1741343626", press, "1"), BadTimestamp),
            (event(r#""1969-12-31T23:59:59Z""#, press, "1"), BadTimestamp),
            (
                r#"{"count":1,"count":1,"action":"ExitPage","timestamp":"2025-03-07T10:33:46Z"}"#
                    .to_owned(),
                NotAnEvent,
            ),
        ] {
            let submission = parse(&text);
            assert_eq!(submission.events, [], "{text}");
            assert_eq!(submission.rejected[0].reason, expected, "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_passed_over() {
        let extra = GOOD.replace('{', r#"{"mood":"splendid","#);
        assert_eq!(parse(&extra).events.len(), 1);
        let body = format!(r#"{{"session_id":"{SESSION}","sent_at":1,"cohort":7,"events":[]}}"#);
        let submission = Submission::parse(body.as_bytes()).unwrap();
        assert_eq!((submission.cohort, submission.with_unknown_fields), (Some(7), 1));
        let both = body.replace("[]", &format!("[{GOOD},{extra},{extra}]"));
        let submission = Submission::parse(both.as_bytes()).unwrap();
        assert_eq!((submission.events.len(), submission.with_unknown_fields), (3, 3));
        assert_eq!(parse(GOOD).with_unknown_fields, 0);
    }

    #[test]
    fn a_body_full_of_next_to_nothing_is_refused_as_a_whole() {
        let body = |zeros: usize| {
            format!(r#"{{"session_id":"{SESSION}","events":[0{}]}}"#, ",0".repeat(zeros - 1))
        };
        let most = Submission::parse(body(MAX_EVENTS).as_bytes()).unwrap();
        assert_eq!(most.rejected.len(), MAX_EVENTS);
        assert_eq!(Submission::parse(body(MAX_EVENTS + 1).as_bytes()), Err(Malformed::TooMany));
        assert!(body(30_000).len() < schemas::MAX_REQUEST_BYTES);
        // More sound events than that do not fit into a request.
        assert!(GOOD.len() * MAX_EVENTS > 2 * schemas::MAX_REQUEST_BYTES);
    }

    #[test]
    fn the_session_id_has_36_characters() {
        for id in [
            "",
            "0d4a118588c14d5a9d5a2a4d3c1b0f9e",
            "{0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e}",
            "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9g",
        ] {
            let body = format!(r#"{{"session_id":"{id}","events":[]}}"#);
            assert_eq!(Submission::parse(body.as_bytes()), Err(Malformed::SessionId), "{id}");
        }
    }

    #[test]
    fn other_bodies_are_malformed() {
        for body in
            ["", "{}", "[]", "null", "<html>", "{\"session_id\":1,\"events\":[]}", "\u{feff}{}"]
        {
            assert!(
                matches!(Submission::parse(body.as_bytes()), Err(Malformed::Json(_))),
                "{body}"
            );
        }
        assert_eq!(Submission::parse(&[b'{', 0xff, 0xfe]), Err(Malformed::NotText(1)));
        let list = format!(r#"["{SESSION}",null,[]]"#);
        assert!(matches!(Submission::parse(list.as_bytes()), Err(Malformed::Json(_))));
    }

    /// Where both ways to read a body can be taken, they come to the same.
    fn agree(body: &str) -> bool {
        let plain = Submission::parse_plain(body);
        if let Some(plain) = &plain {
            assert_eq!(Submission::parse_any(body).as_ref(), Ok(plain), "{body}");
        }
        plain.is_some()
    }

    #[test]
    fn a_plain_body_is_read_at_one_go_and_no_other() {
        let body = |events: &str| format!(r#"{{"session_id":"{SESSION}","events":[{events}]}}"#);
        for events in ["", GOOD, &format!("{GOOD}, {GOOD}")] {
            assert!(agree(&body(events)), "{events}");
        }
        let list = r#"["2025-03-07T10:33:46Z","PressButton",1]"#;
        let more = GOOD.replace('{', r#"{"mood":7,"#);
        let twice = GOOD.replace('{', r#"{"count":1,"#);
        let high = GOOD.replace(":1}", ":9007199254740992}");
        for events in [list, "7", "{}", &more, &twice, &high] {
            assert!(!agree(&body(events)), "{events}");
        }
        assert!(!agree(&format!(r#"["{SESSION}",null,[]]"#)));
        assert!(!agree(&body("").replace("88c1", "88g1")));
    }

    proptest! {
        #[test]
        fn both_ways_to_read_a_body_agree(events in prop::collection::vec(
            prop_oneof![
                5 => Just(GOOD.to_owned()),
                1 => Just(GOOD.replace(":1}", ":-0}")),
                1 => Just(GOOD.replace("count", "cou\\u006et")),
                1 => Just(GOOD.replace("Press", "[")),
                1 => "[\\[\\]{}\",:0-9a-z]{0,12}",
            ],
            0..5,
        )) {
            agree(&format!(r#"{{"session_id":"{SESSION}","cohort":3,"events":[{}]}}"#, events.join(",")));
        }

        #[test]
        fn no_body_makes_the_parser_panic(body in any::<Vec<u8>>(), event in "\\PC{0,80}") {
            let _ = Submission::parse(&body);
            let _ = Submission::parse(format!(r#"{{"session_id":"{SESSION}","events":[{event}]}}"#).as_bytes());
        }
    }
}
