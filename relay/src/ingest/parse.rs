//! From the body of a request to events: parse, don't validate.
//!
//! Pure. Each event is judged on its own, so that an invalid one never holds up the others. The result
//! can be stored and produced without further checks.

use schemas::{
    Action, ButtonPress, Event, EventRejection, MAX_COUNT, Place, Received, RejectReason,
    Timestamp, Uuid,
};
use serde::{
    Deserialize,
    de::{self, Unexpected},
};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, sync::Arc};

/// More events than a request has room for, if each has a time and an action. Smaller ones must not
/// cost a rejection of two hundred bytes for each two bytes.
pub const MAX_EVENTS: usize = 2000;

/// Reads JSON from a string.
type Json<'a> = serde_json::Deserializer<serde_json::de::StrRead<'a>>;

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
    /// How many JSON objects, the body and its events, have unknown fields, as a newer page may send
    /// them. The fields are passed over.
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
    /// Not UTF-8 (RFC 8259, section 8.1), perhaps in a field that is passed over.
    #[error("the body is not text in UTF-8, at byte {0}")]
    NotText(usize),
    /// The session's id is no UUID.
    #[error("session_id is not a UUID in its 36-character form")]
    SessionId,
    /// More events than [`MAX_EVENTS`].
    #[error("there are more than {MAX_EVENTS} events")]
    TooMany,
}

/// A body. Its events stay text, so that an invalid one does not end the list.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(default)]
    cohort: Option<i32>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// [`Envelope`] without unknown fields.
#[derive(Deserialize)]
#[serde(remote = "Envelope", deny_unknown_fields)]
struct StrictEnvelope<'a> {
    #[serde(borrow)]
    session_id: Cow<'a, str>,
    #[serde(default)]
    cohort: Option<i32>,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// [`Event`] without unknown fields.
#[derive(Deserialize)]
#[serde(remote = "Event", deny_unknown_fields)]
struct StrictEvent {
    timestamp: Timestamp,
    action: Action,
    count: u64,
}

/// Reads an object, and whether it has unknown fields: a struct that denies them costs no more than one
/// that does not, and objects that have some are rare.
fn from_object<'a, T: Deserialize<'a>>(
    text: &'a str,
    strict: impl FnOnce(&mut Json<'a>) -> Result<T, serde_json::Error>,
) -> Result<(T, bool), serde_json::Error> {
    // A struct can be read from a list as well, which is not the contract.
    if text.trim_ascii_start().starts_with('[') {
        return Err(de::Error::invalid_type(Unexpected::Seq, &"an object"));
    }
    let mut json = Json::from_str(text);
    match strict(&mut json).and_then(|value| json.end().map(|()| value)) {
        Ok(value) => Ok((value, false)),
        Err(_) => Ok((serde_json::from_str(text)?, true)),
    }
}

impl Submission {
    /// Parses a body.
    ///
    /// # Errors
    /// If it is not a batch of events. Invalid events are rejected one by one instead.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let body = str::from_utf8(body).map_err(|error| Malformed::NotText(error.valid_up_to()))?;
        let (envelope, has_unknown_fields) =
            from_object::<Envelope<'_>>(body, |json| StrictEnvelope::deserialize(json))
                .map_err(|error| Malformed::Json(error.to_string()))?;
        if envelope.events.len() > MAX_EVENTS {
            return Err(Malformed::TooMany);
        }
        let mut submission = Self {
            session_id: parse_session_id(&envelope.session_id).ok_or(Malformed::SessionId)?,
            cohort: envelope.cohort,
            events: Vec::with_capacity(envelope.events.len()),
            rejected: Vec::new(),
            with_unknown_fields: usize::from(has_unknown_fields),
        };
        for (index, text) in envelope.events.into_iter().enumerate() {
            match from_object::<Event>(text.get(), |json| StrictEvent::deserialize(json)) {
                Ok((event, has_unknown_fields)) if event.count <= MAX_COUNT => {
                    submission.events.push(event);
                    submission.with_unknown_fields += usize::from(has_unknown_fields);
                }
                _ => submission.rejected.push(reject(index, text)),
            }
        }
        Ok(submission)
    }

    /// Returns the complete records of the accepted events.
    pub fn into_received(self, place: &Arc<Place>, received_at: Timestamp) -> Vec<Received> {
        let Self { session_id, cohort, events, .. } = self;
        let press = |event| ButtonPress { session_id, event, place: Arc::clone(place), cohort };
        events.into_iter().map(|event| Received { press: press(event), received_at }).collect()
    }
}

/// Parses a session id in its 36-character form.
fn parse_session_id(text: &str) -> Option<Uuid> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_hyphenated)
}

/// Finds the reason why an event could not be read.
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
        // All three are valid: a name must occur twice.
        (RejectReason::NotAnEvent, "a name occurs twice in the event".to_owned())
    };
    EventRejection { index, count, reason, detail }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SESSION: &str = "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e";
    const GOOD: &str =
        r#"{"timestamp":"2025-03-07T10:33:46.754240+00:00","action":"PressButton","count":1}"#;

    fn parse(events: &str) -> Submission {
        let body = format!(r#"{{"session_id":"{SESSION}","events":[{events}]}}"#);
        Submission::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn invalid_event_does_not_hold_up_others() {
        let submission = parse(&format!(r#"{GOOD},{{"count":2}},{GOOD}"#));
        assert_eq!(submission.events.len(), 2);
        assert_eq!(submission.rejected.len(), 1);
        assert_eq!((submission.rejected[0].index, submission.rejected[0].count), (1, Some(2)));
    }

    #[test]
    fn invalid_events_are_rejected_with_their_reason() {
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
    fn unknown_fields_are_passed_over_and_counted() {
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
    fn body_with_too_many_events_is_refused() {
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
    fn session_id_has_36_characters() {
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
        let body = format!(r#"{{"session_id":"{SESSION}","events":[]}}"#);
        assert!(Submission::parse(body.as_bytes()).is_ok());
        for body in [
            format!(r#"["{SESSION}",null,[]]"#),
            format!("{body}{body}"),
            body.replace('{', r#"{"events":[],"#),
            body.replace('{', r#"{"cohort":1.5,"#),
            body.replace("[]", "{}"),
        ] {
            let parsed = Submission::parse(body.as_bytes());
            assert!(matches!(parsed, Err(Malformed::Json(_))), "{body}");
        }
    }

    /// What an event of these names and values is, and whether it has unknown fields.
    fn expected(fields: &[(&str, &str)]) -> Option<(Event, bool)> {
        let mut known = BTreeMap::new();
        let mut has_unknown_fields = false;
        for (name, value) in fields {
            let name: String = serde_json::from_str(name).unwrap();
            match name.as_str() {
                "timestamp" | "action" | "count" => {
                    let value: Value = serde_json::from_str(value).unwrap();
                    known.insert(name, value).is_none().then_some(())?;
                }
                _ => has_unknown_fields = true,
            }
        }
        let event = Event {
            timestamp: Timestamp::parse(known.get("timestamp")?.as_str()?)?,
            action: Action::parse(known.get("action")?.as_str()?)?,
            count: known.get("count")?.as_u64().filter(|count| *count <= MAX_COUNT)?,
        };
        Some((event, has_unknown_fields))
    }

    const VALID: [(&str, &str); 3] = [
        (r#""timestamp""#, r#""2025-03-07T11:33:46.754240+01:00""#),
        (r#""action""#, r#""PressButton""#),
        (r#""count""#, "9007199254740991"),
    ];
    const NAMES: [&str; 4] = [r#""count""#, r#""\u0063ount""#, r#""events""#, r#""mood""#];
    const VALUES: [&str; 9] = [
        r#""Press\u0042utton""#,
        "7",
        "-0",
        "1.0",
        "9007199254740992",
        "null",
        "[7]",
        "{}",
        r#""""#,
    ];

    /// Names and values of an event: valid ones, one of them perhaps with another value or missing, and
    /// others.
    fn fields() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
        let value = || prop::sample::select(&VALUES[..]);
        let others = prop::collection::vec((prop::sample::select(&NAMES[..]), value()), 0..2);
        let fields = (others, 0..6_usize, prop::option::of(value()));
        let fields = fields.prop_map(|(mut fields, changed, value)| {
            for (index, (name, valid)) in VALID.into_iter().enumerate() {
                let value = if index == changed { value } else { Some(valid) };
                fields.extend(value.map(|value| (name, value)));
            }
            fields
        });
        fields.prop_shuffle()
    }

    proptest! {
        #[test]
        fn events_are_read_as_json_values_are(events in prop::collection::vec(fields(), 0..5)) {
            let field = |(name, value): &(&str, &str)| format!("{name}: {value}");
            let fields = |event: &Vec<_>| event.iter().map(field).collect::<Vec<_>>().join(",");
            let texts: Vec<_> = events.iter().map(|event| format!("{{{}}}", fields(event))).collect();
            let submission = parse(&texts.join(" ,"));
            let expected: Vec<_> = events.iter().map(|fields| expected(fields)).collect();
            let (accepted, unknown): (Vec<_>, Vec<_>) = expected.iter().flatten().copied().unzip();
            prop_assert_eq!(submission.events, accepted, "{:?}", texts);
            let unknown = unknown.into_iter().filter(|unknown| *unknown).count();
            prop_assert_eq!(submission.with_unknown_fields, unknown, "{:?}", texts);
            let rejected: Vec<_> = submission.rejected.iter().map(|event| event.index).collect();
            let invalid = (0..events.len()).filter(|index| expected[*index].is_none());
            prop_assert_eq!(rejected, invalid.collect::<Vec<_>>(), "{:?}", texts);
        }

        #[test]
        fn no_body_makes_the_parser_panic(body in any::<Vec<u8>>(), event in "\\PC{0,80}") {
            let _ = Submission::parse(&body);
            let _ = Submission::parse(format!(r#"{{"session_id":"{SESSION}","events":[{event}]}}"#).as_bytes());
        }
    }
}
