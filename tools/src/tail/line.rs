//! An event as a line.

use crate::printable::printable;
use kafka_client::received_at;
use rdkafka::Message;
use schemas::{ButtonPress, Place};
use serde::Serialize;
use std::io::{self, Write};

/// Writes text: `2026-03-07T10:33:46.754240+00:00  PressButton   3  3f2a…  Säffle, Värmland, SE  1@4711`.
pub fn write<M: Message>(out: &mut impl Write, message: &M, press: &ButtonPress) -> io::Result<()> {
    let ButtonPress { session_id, event, place, .. } = press;
    writeln!(
        out,
        "{}  {:<11} {:>3}  {session_id}  {}  {}@{}",
        event.timestamp,
        event.action.name(),
        event.count,
        printable(&place_text(place)),
        message.partition(),
        message.offset(),
    )
}

fn place_text(place: &Place) -> String {
    if place.country_code == Place::NO_COUNTRY {
        return place.country_name.clone();
    }
    let names = [place.city_name.as_deref(), place.subdivision_name.as_deref()];
    let mut names: Vec<&str> = names.into_iter().flatten().collect();
    names.dedup();
    names.push(&place.country_code);
    names.join(", ")
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    press: &'a ButtonPress,
    received_at: schemas::Timestamp,
    partition: i32,
    offset: i64,
}

/// Writes JSON.
pub fn write_json(
    out: &mut impl Write,
    message: &impl Message,
    press: &ButtonPress,
) -> io::Result<()> {
    let line = Line {
        press,
        received_at: received_at(message),
        partition: message.partition(),
        offset: message.offset(),
    };
    writeln!(out, "{}", printable(&serde_json::to_string(&line)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rdkafka::message::OwnedMessage;
    use schemas::{Action, Event, Timestamp, Uuid};

    fn lines(place: Place) -> (String, serde_json::Value) {
        let timestamp = Timestamp::parse("2026-03-07T10:33:46.754240Z").unwrap();
        let press = ButtonPress {
            session_id: Uuid::nil(),
            event: Event { timestamp, action: Action::PressButton, count: 3 },
            place: place.into(),
            cohort: None,
        };
        let received_at = rdkafka::Timestamp::CreateTime(timestamp.millis());
        let message =
            OwnedMessage::new(None, None, "button_presses".to_owned(), received_at, 1, 4711, None);
        let (mut text, mut json) = (Vec::new(), Vec::new());
        write(&mut text, &message, &press).unwrap();
        write_json(&mut json, &message, &press).unwrap();
        (String::from_utf8(text).unwrap(), serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn lines_are_for_people_or_for_programs() {
        let (text, json) = lines(Place {
            country_name: "Sweden".to_owned(),
            country_code: "SE".to_owned(),
            subdivision_name: Some("Värmland County".to_owned()),
            city_name: Some("Säffle".to_owned()),
            ..Place::unknown()
        });
        assert_eq!(
            text,
            "2026-03-07T10:33:46.754240+00:00  PressButton   3  \
             00000000-0000-0000-0000-000000000000  Säffle, Värmland County, SE  1@4711\n"
        );
        assert_eq!(json["timestamp"], "2026-03-07T10:33:46.754240+00:00");
        assert_eq!((&json["city_name"], &json["offset"]), (&"Säffle".into(), &4711.into()));
        assert!(lines(Place::private_network()).0.contains("  Private Network  1@"));
    }

    #[test]
    fn names_cannot_control_a_terminal() {
        let name = "\u{1b}]0;x\u{7}\n2026-03-07\u{9b}2J\u{202e}";
        let (text, json) = lines(Place {
            country_code: "SE".to_owned(),
            city_name: Some(name.to_owned()),
            ..Place::unknown()
        });
        assert_eq!(text.lines().count(), 1);
        assert!(
            text.contains(r"  \u001b]0;x\u0007\u000a2026-03-07\u009b2J\u202e, SE  1@"),
            "{text}"
        );
        assert_eq!(json["city_name"], name, "programs get the name itself");
    }
}
