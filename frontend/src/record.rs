//! The visitor's latest event, field by field as it is recorded: the page's example of what is
//! kept. Pure.

use crate::{outbox::LastReceipt, texts::Texts};
use schemas::Uuid;

/// What stands for no value.
const NULL: &str = "null";

/// Names and values, in the order of `button_presses.avsc`; and, of a place that the relay has made up, that
/// it is. The session's id is cut short: a picture of the page must not give it away.
pub fn fields(
    session_id: Uuid,
    cohort: Option<i32>,
    last_receipt: &LastReceipt,
    texts: &Texts,
) -> Vec<(&'static str, String)> {
    let LastReceipt { event, place, .. } = last_receipt;
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NULL.to_owned());
    let degrees = |value: Option<f64>| value.map_or_else(|| NULL.to_owned(), degrees);
    let mut fields = vec![
        ("session_id", first_block(session_id)),
        ("timestamp", event.timestamp.to_string()),
        ("action", event.action.name().to_owned()),
        ("count", event.count.to_string()),
        ("country_name", place.country_name.clone()),
        ("country_code", place.country_code.clone()),
        ("subdivision_name", text(&place.subdivision_name)),
        ("subdivision_code", text(&place.subdivision_code)),
        ("city_name", text(&place.city_name)),
        ("latitude", degrees(place.latitude)),
        ("longitude", degrees(place.longitude)),
        ("cohort", cohort.map_or_else(|| NULL.to_owned(), |cohort| cohort.to_string())),
    ];
    // Not of the message: Kafka's own, as it acknowledged it.
    if let Some(record) = last_receipt.record {
        fields.extend([
            ("partition", record.partition.to_string()),
            ("offset", record.offset.to_string()),
            ("schema id", record.schema_id.to_string()),
            ("bytes", record.bytes.to_string()),
        ]);
    }
    if last_receipt.pretended {
        fields.push(("pretended", texts.get("made-up").to_owned()));
    }
    fields
}

/// The first eight digits of an id.
fn first_block(id: Uuid) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text + "…"
}

/// Degrees with the one decimal that they have. Rust's own way to write any number at all would be 5 kB of
/// the page's download.
fn degrees(value: f64) -> String {
    let tenths = (value * 10.0).round() as i32;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::outbox::KafkaRecord;
    use schemas::{Action, Event, Place, Timestamp};

    #[test]
    fn shows_every_field_of_the_schema_and_no_other() {
        let schema = include_str!("../../schemas/button_presses.avsc");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let names = schema["fields"].as_array().unwrap();
        let names: Vec<_> = names.iter().map(|field| field["name"].as_str().unwrap()).collect();
        let last_receipt = LastReceipt {
            press: true,
            event: Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count: 3 },
            durable_in: "kafka".to_owned(),
            place: Place { latitude: Some(31.2), ..Place::unknown() },
            record: None,
            place_name: None,
            pretended: false,
        };
        let id = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);
        let shown = fields(id, Some(7), &last_receipt, &Texts::default());
        assert_eq!(shown.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
        let value = |name| shown.iter().find(|(field, _)| *field == name).unwrap().1.as_str();
        assert_eq!([value("latitude"), value("city_name"), value("cohort")], ["31.2", "null", "7"]);
        assert_eq!(value("session_id"), "01234567…");

        let record = KafkaRecord { count: 3, partition: 2, offset: 1834, schema_id: 7, bytes: 87 };
        let in_kafka = LastReceipt { record: Some(record), ..last_receipt.clone() };
        let in_kafka = fields(id, Some(7), &in_kafka, &Texts::default());
        let (recorded, of_kafka) = in_kafka.split_at(names.len());
        assert_eq!(recorded, shown);
        let of_kafka: Vec<_> = of_kafka.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(of_kafka, ["2", "1834", "7", "87"]);

        let pretended = LastReceipt { pretended: true, ..last_receipt };
        let pretended = fields(id, Some(7), &pretended, &Texts::default());
        let (says_so, recorded) = pretended.split_last().unwrap();
        assert_eq!(recorded, shown);
        assert!(says_so.1.contains("made that place up"), "{says_so:?}");
    }

    #[test]
    fn degrees_have_one_decimal() {
        let written = [31.2, -0.5, 0.0, 48.0, -179.9, 0.1 + 0.2].map(degrees);
        assert_eq!(written, ["31.2", "-0.5", "0.0", "48.0", "-179.9", "0.3"]);
    }
}
