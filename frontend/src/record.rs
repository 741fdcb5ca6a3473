//! The visitor's latest event, field by field as it is recorded: the page's example of what is
//! kept. Pure.

use crate::outbox::Settled;
use schemas::Uuid;

/// What stands for no value.
const NULL: &str = "null";

/// Names and values, in the order of `button_presses.avsc`.
pub fn fields(
    session_id: Uuid,
    cohort: Option<i32>,
    settled: &Settled,
) -> Vec<(&'static str, String)> {
    let Settled { event, place, .. } = settled;
    let of_place = place.fields().map(|(name, value)| (name, value.unwrap_or(NULL).to_owned()));
    let mut fields = vec![
        ("session_id", session_id.to_string()),
        ("timestamp", event.timestamp.to_string()),
        ("action", event.action.name().to_owned()),
        ("count", event.count.to_string()),
    ];
    fields.extend(of_place);
    fields.push(("cohort", cohort.map_or_else(|| NULL.to_owned(), |cohort| cohort.to_string())));
    fields
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{Action, Event, Place, Timestamp};

    #[test]
    fn shows_every_field_of_the_schema_and_no_other() {
        let schema = include_str!("../../schemas/button_presses.avsc");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let names = schema["fields"].as_array().unwrap();
        let names: Vec<_> = names.iter().map(|field| field["name"].as_str().unwrap()).collect();
        let settled = Settled {
            press: true,
            event: Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count: 3 },
            durable_in: "kafka".to_owned(),
            place: Place { latitude: Some(31.2), ..Place::unknown() }.into(),
        };
        let shown = fields(Uuid::nil(), Some(7), &settled);
        assert_eq!(shown.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        let value = |name| shown.iter().find(|(field, _)| *field == name).unwrap().1.as_str();
        assert_eq!([value("latitude"), value("city_name"), value("cohort")], ["31.2", "null", "7"]);
    }
}
