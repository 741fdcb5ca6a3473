//! Parser of request bodies.
//!
//! Pure. Each event is parsed on its own, so that an invalid one does not reject the others. The result
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

/// Maximum number of events in a request. Valid ones exceed its maximum length first; the limit bounds the
/// work for tiny invalid ones.
pub const MAX_EVENTS: usize = 2000;

/// Maximum length of the rejections in a response, as a multiple of the request's: those of objects with an
/// event's fields always fit, and tiny invalid events do not multiply the traffic.
const MAX_REJECTIONS_FACTOR: usize = 4;

/// Length of a rejection without its detail, at most.
const REJECTION_BYTES: usize = 80;

type Json<'a> = serde_json::Deserializer<serde_json::de::StrRead<'a>>;

/// Events of a request.
#[derive(Debug, PartialEq)]
pub struct Submission {
    /// The session that all events belong to.
    pub session_id: Uuid,
    /// Group of visitors.
    pub cohort: Option<i32>,
    /// Valid events, in the order of the request.
    pub events: Vec<Event>,
    /// Invalid events.
    pub rejected: Vec<EventRejection>,
    /// Number of JSON objects, the body and its events, with unknown fields, as a newer page may send
    /// them. The fields are ignored.
    pub with_unknown_fields: usize,
}

/// Why a whole body is rejected.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not of the expected shape.
    #[error(
        "the body is not a batch of events: {0}. It should be {{\"session_id\": \"…\", \"events\": [{{\"timestamp\": \"…\", \"action\": \"…\", \"count\": 0}}]}}"
    )]
    Json(String),
    /// Not UTF-8 (RFC 8259, section 8.1), perhaps in an ignored field.
    #[error("the body is not text in UTF-8, at byte {0}")]
    NotText(usize),
    /// The session id is not a UUID.
    #[error("session_id is not a UUID in its 36-character form")]
    SessionId,
    /// More events than [`MAX_EVENTS`].
    #[error("there are more than {MAX_EVENTS} events")]
    TooMany,
}

/// A body. Its events stay text, so that an invalid one does not end the parsing.
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

/// Parses an object, and returns whether it has unknown fields. Objects with some are rare and parsed
/// twice; `serde_ignored` would allocate for each field of each object, which takes half as long again.
fn from_object<'a, T: Deserialize<'a>>(
    text: &'a str,
    strict: impl FnOnce(&mut Json<'a>) -> Result<T, serde_json::Error>,
) -> Result<(T, bool), serde_json::Error> {
    // Derived structs accept a list of their fields as well.
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

/// Keeps the first rejections, at least one, that are not too long for the response to a request of so many
/// bytes. The client finds the other events in neither list and sends them again.
pub fn limit_rejections(rejected: &mut Vec<EventRejection>, request_bytes: usize) {
    let mut bytes = 0;
    let fits = |rejection: &&EventRejection| {
        bytes += REJECTION_BYTES + rejection.detail.len();
        bytes <= MAX_REJECTIONS_FACTOR * request_bytes
    };
    let fitting = rejected.iter().take_while(fits).count();
    rejected.truncate(fitting.max(1));
}

/// Parses a session id in its 36-character form.
fn parse_session_id(text: &str) -> Option<Uuid> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_hyphenated)
}

/// Finds the reason why an event is invalid.
fn reject(index: usize, text: &RawValue) -> EventRejection {
    let value: Value = serde_json::from_str(text.get()).unwrap_or_default();
    let count = value["count"].as_u64().filter(|count| *count <= MAX_COUNT);
    let action = value["action"].as_str().and_then(Action::parse);
    let timestamp = value["timestamp"].as_str().and_then(Timestamp::parse);
    let (reason, detail) = match (count, action, timestamp) {
        _ if !value.is_object() => (
            RejectReason::NotAnEvent,
            "an event is an object with timestamp, action and count".to_owned(),
        ),
        (None, _, _) => {
            (RejectReason::BadCount, format!("count is not a whole number from 0 to {MAX_COUNT}"))
        }
        (_, None, _) => {
            let names = Action::ALL.map(Action::name).join(", ");
            (RejectReason::UnknownAction, format!("action is none of {names}"))
        }
        (_, _, None) => (
            RejectReason::BadTimestamp,
            "timestamp is not ISO 8601 with an offset in the years 1970 to 9999".to_owned(),
        ),
        _ => (RejectReason::NotAnEvent, "a name occurs twice in the event".to_owned()),
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
    const TIME: &str = r#""2025-03-07T10:33:46Z""#;
    const PRESS: &str = r#""PressButton""#;

    fn event(timestamp: &str, action: &str, count: &str) -> String {
        format!(r#"{{"timestamp":{timestamp},"action":{action},"count":{count}}}"#)
    }

    fn body(events: &str) -> String {
        format!(r#"{{"session_id":"{SESSION}","events":[{events}]}}"#)
    }

    fn parse(events: &str) -> Submission {
        Submission::parse(body(events).as_bytes()).unwrap()
    }

    #[test]
    fn invalid_events_are_rejected_with_reason_and_count() {
        use RejectReason::*;
        for (text, reason, count) in [
            ("7".to_owned(), NotAnEvent, None),
            ("null".to_owned(), NotAnEvent, None),
            ("[]".to_owned(), NotAnEvent, None),
            (format!("[{TIME},{PRESS},1]"), NotAnEvent, None),
            ("{}".to_owned(), BadCount, None),
            (event(TIME, PRESS, "-0"), BadCount, None),
            (event(TIME, PRESS, "-1"), BadCount, None),
            (event(TIME, PRESS, "1.0"), BadCount, None),
            (event(TIME, PRESS, "1e400"), NotAnEvent, None),
            (event(TIME, PRESS, "10000000"), BadCount, None),
            (event(TIME, PRESS, "9007199254740991"), BadCount, None),
            (event(TIME, PRESS, "99999999999999999999999"), BadCount, None),
            (event(TIME, PRESS, r#""1""#), BadCount, None),
            (event(TIME, r#""pressbutton""#, "1"), UnknownAction, Some(1)),
            (event(TIME, r#"{"PressButton":null}"#, "1"), UnknownAction, Some(1)),
            (event(TIME, "null", "1"), UnknownAction, Some(1)),
            (event(r#""2025-03-07T10:33:46""#, PRESS, "1"), BadTimestamp, Some(1)),
            (event("1741343626", PRESS, "1"), BadTimestamp, Some(1)),
            (event(r#""1969-12-31T23:59:59Z""#, PRESS, "1"), BadTimestamp, Some(1)),
            (event(TIME, PRESS, r#"1,"count":1"#), NotAnEvent, Some(1)),
        ] {
            let submission = parse(&text);
            assert_eq!(submission.events, [], "{text}");
            let rejection = &submission.rejected[0];
            assert_eq!((rejection.reason, rejection.count), (reason, count), "{text}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_counted() {
        let events = event(TIME, PRESS, r#"1,"mood":"splendid","weather":2"#);
        let body = body(&events).replacen('{', r#"{"sent_at":1,"cohort":7,"#, 1);
        let submission = Submission::parse(body.as_bytes()).unwrap();
        assert_eq!((submission.cohort, submission.events.len()), (Some(7), 1));
        assert_eq!(submission.with_unknown_fields, 2);
    }

    #[test]
    fn body_with_too_many_events_is_rejected() {
        let zeros = |count| body(&vec!["0"; count].join(","));
        assert_eq!(parse(&vec!["0"; MAX_EVENTS].join(",")).rejected.len(), MAX_EVENTS);
        let more = Submission::parse(zeros(MAX_EVENTS + 1).as_bytes());
        assert_eq!(more, Err(Malformed::TooMany));
        // Tiny events exceed the limit within a request's bytes, valid ones do not.
        assert!(zeros(30_000).len() < schemas::MAX_REQUEST_BYTES);
        assert!(event(TIME, PRESS, "1").len() * MAX_EVENTS > schemas::MAX_REQUEST_BYTES);
    }

    #[test]
    fn rejections_are_listed_up_to_four_times_the_request() {
        let listed = |events: &str| {
            let body = body(events);
            let mut rejected = Submission::parse(body.as_bytes()).unwrap().rejected;
            let all = rejected.len();
            limit_rejections(&mut rejected, body.len());
            let bytes = serde_json::to_string(&rejected).unwrap().len();
            assert!(bytes <= 4 * body.len(), "{bytes} bytes for {}", body.len());
            assert!(rejected.iter().enumerate().all(|(index, it)| it.index == index));
            (all, rejected.len())
        };
        // Nothing is left out of what has the fields of an event.
        let [count, action, time] =
            [event(TIME, PRESS, "-1"), event(TIME, "0", "9999999"), event("0", PRESS, "7")];
        for invalid in [count, action, time] {
            for events in [1, 2, 500] {
                assert_eq!(
                    listed(&vec![&*invalid; events].join(",")),
                    (events, events),
                    "{invalid}"
                );
            }
        }
        for tiny in ["0", "[]", "{}", "null", "\"\"", r#"{"count":9999999}"#] {
            for events in [1, 2, 20, MAX_EVENTS] {
                let (all, listed) = listed(&vec![tiny; events].join(","));
                assert!(all == events && listed > 0, "{events} of {tiny}");
            }
        }
    }

    #[test]
    fn body_of_another_shape_is_malformed() {
        let valid = body("");
        assert!(Submission::parse(valid.as_bytes()).is_ok());
        for body in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            "<html>".to_owned(),
            format!("\u{feff}{valid}"),
            format!("{valid}{valid}"),
            format!(r#"["{SESSION}",null,[]]"#),
            valid.replace(&format!("\"{SESSION}\""), "1"),
            valid.replace('{', r#"{"events":[],"#),
            valid.replace('{', r#"{"cohort":1.5,"#),
            valid.replace("[]", "{}"),
        ] {
            let parsed = Submission::parse(body.as_bytes());
            assert!(matches!(parsed, Err(Malformed::Json(_))), "{body}");
        }
        assert_eq!(Submission::parse(&[b'{', 0xff, 0xfe]), Err(Malformed::NotText(1)));
        for id in [
            "",
            "0d4a118588c14d5a9d5a2a4d3c1b0f9e",
            "{0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e}",
            "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9g",
        ] {
            let parsed = Submission::parse(valid.replace(SESSION, id).as_bytes());
            assert_eq!(parsed, Err(Malformed::SessionId), "{id}");
        }
    }

    /// The event of these names and values, and whether it has unknown fields.
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
        (r#""count""#, "9999999"),
    ];
    const NAMES: [&str; 4] = [r#""count""#, r#""\u0063ount""#, r#""events""#, r#""mood""#];
    const VALUES: [&str; 9] =
        [r#""Press\u0042utton""#, "7", "-0", "1.0", "10000000", "null", "[7]", "{}", r#""""#];

    /// Names and values of an event: the three valid ones, at most one of them changed or missing, and
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
        fn events_are_parsed_like_json_values(events in prop::collection::vec(fields(), 0..5)) {
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
        fn any_body_is_parsed_without_panic(body in any::<Vec<u8>>(), event in "\\PC{0,80}") {
            let _ = Submission::parse(&body);
            let _ = Submission::parse(self::body(&event).as_bytes());
        }
    }
}
