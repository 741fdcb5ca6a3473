//! Tests of the Avro encoding: round trips of any event, and another implementation's bytes.
#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::{option, prelude::*};
use schemas::{
    Action, ButtonPress, Event, MAX_SAFE_INTEGER, Place, Timestamp, Uuid,
    avro::{self, Decoder, Encoder},
    frame::{self, Messages},
};

/// A coordinate as in the relay, rounded to one decimal.
fn tenths(limit: i32) -> impl Strategy<Value = f64> {
    (-limit..=limit).prop_map(|tenths| f64::from(tenths) / 10.0)
}

fn place() -> impl Strategy<Value = Place> {
    (
        (".{0,40}", "[A-Z]{2}|--"),
        (option::of(".{0,40}"), option::of("[A-Z0-9]{1,3}"), option::of(".{0,40}")),
        (option::of(tenths(900)), option::of(tenths(1800))),
    )
        .prop_map(|(country, names, coordinates)| Place {
            country_name: country.0,
            country_code: country.1,
            subdivision_name: names.0,
            subdivision_code: names.1,
            city_name: names.2,
            latitude: coordinates.0,
            longitude: coordinates.1,
        })
}

fn press() -> impl Strategy<Value = ButtonPress> {
    (
        any::<u128>(),
        0..=253_402_300_799_999_999i64,
        prop::sample::select(&Action::ALL),
        0..=MAX_SAFE_INTEGER,
        place(),
        option::of(any::<i32>()),
    )
        .prop_map(|(id, micros, action, count, place, cohort)| ButtonPress {
            session_id: Uuid::from_u128(id),
            event: Event { timestamp: Timestamp::from_micros(micros).unwrap(), action, count },
            place: place.into(),
            cohort,
        })
}

/// Decodes with and without schema resolution, which must return the same.
fn decode(datum: &[u8]) -> Option<ButtonPress> {
    let resolved = avro::decode(avro::schema(), datum);
    let direct = Decoder::for_writer(avro::SCHEMA_TEXT).unwrap().decode(datum);
    match (resolved, direct) {
        (Ok(resolved), Ok(direct)) => {
            assert_eq!(resolved, direct);
            Some(direct)
        }
        (Err(_), Err(_)) => None,
        (resolved, direct) => panic!("{resolved:?} and {direct:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_press_is_decoded_as_encoded(press in press(), id in any::<u32>()) {
        let message = frame::encode(&Encoder::new().unwrap(), id, &press).unwrap();
        let (schema_id, datum) = frame::split(&message).unwrap();
        prop_assert_eq!(schema_id, id);
        prop_assert_eq!(decode(datum), Some(press));
    }

    /// One encoder and one decoder for all: the cached origin of one message is not used for another.
    #[test]
    fn presses_of_alternating_places_are_decoded_as_encoded(
        presses in prop::collection::vec((press(), 0usize..3, any::<bool>()), 1..12),
        places in prop::array::uniform3(place()),
    ) {
        let places = places.map(std::sync::Arc::new);
        let encoder = Encoder::new().unwrap();
        let mut messages = Messages::new(&encoder, 7);
        let mut decoder = Decoder::for_writer(avro::SCHEMA_TEXT).unwrap();
        for (mut press, place, cut) in presses {
            press.place = std::sync::Arc::clone(&places[place]);
            press.cohort = (place > 0).then_some(7);
            let message = messages.of(&press).unwrap();
            prop_assert_eq!(message, frame::encode(&encoder, 7, &press).unwrap());
            let (_, datum) = frame::split(message).unwrap();
            if cut {
                prop_assert!(decoder.decode(&datum[..datum.len() - 1]).is_err());
            }
            prop_assert_eq!(decoder.decode(datum).unwrap(), press);
        }
    }

    #[test]
    fn any_press_is_read_from_json_as_written(press in press()) {
        let text = serde_json::to_string(&press).unwrap();
        prop_assert_eq!(serde_json::from_str::<ButtonPress>(&text).unwrap(), press);
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok((_, datum)) = frame::split(&bytes) {
            decode(datum);
        }
        decode(&bytes);
    }

    #[test]
    fn truncated_or_longer_datum_is_rejected(press in press(), cut in 1usize..20) {
        let mut datum = Vec::new();
        Encoder::new().unwrap().encode(&press, &mut datum).unwrap();
        let short = datum.len().saturating_sub(cut);
        prop_assert_eq!(decode(&datum[..short]), None);
        datum.push(0);
        prop_assert_eq!(decode(&datum), None);
    }
}

/// The golden messages were encoded by fastavro (see `golden/make.py`).
#[test]
fn messages_equal_those_of_another_implementation() {
    let presses: Vec<ButtonPress> =
        serde_json::from_str(include_str!("golden/presses.json")).unwrap();
    let messages: Vec<&str> = include_str!("golden/messages.hex").lines().collect();
    assert_eq!(presses.len(), messages.len());
    let encoder = Encoder::new().unwrap();
    for (press, hex) in presses.iter().zip(messages) {
        let golden: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        let (id, datum) = frame::split(&golden).unwrap();
        assert_eq!(decode(datum).as_ref(), Some(press));
        assert_eq!(frame::encode(&encoder, id, press).unwrap(), golden);
    }
}

/// Logical types must be inside the type: libraries ignore them beside it.
#[test]
fn schema_has_logical_types() {
    let apache_avro::Schema::Record(record) = avro::schema() else { panic!("not a record") };
    assert_eq!(record.name.name(), "button_presses");
    let schema_of = |name: &str| &record.fields[record.lookup[name]].schema;
    assert!(matches!(schema_of("session_id"), apache_avro::Schema::Uuid(_)));
    assert!(matches!(schema_of("timestamp"), apache_avro::Schema::TimestampMicros));
}

/// Another writer's schema determines the cost of decoding; three kinds could exhaust the memory.
#[test]
fn schemas_that_need_unlimited_memory_are_rejected() {
    let with = |field: &str| {
        let mut schema: serde_json::Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
        let fields = schema["fields"].as_array_mut().unwrap();
        fields.push(serde_json::from_str(field).unwrap());
        Decoder::for_writer(&schema.to_string())
    };
    let rejection = |field: &str| with(field).err().map(|error| error.to_string());
    // Stack overflow.
    let itself = r#"{"name": "next", "type": ["null", "button_presses"], "default": null}"#;
    assert!(rejection(itself).is_some_and(|it| it.contains("button_presses by its name")));
    // Doubles with each level.
    let twice = r#"{"name": "pair", "type": {"type": "record", "name": "pair", "fields": [
        {"name": "one", "type": {"type": "record", "name": "none", "fields": []}},
        {"name": "other", "type": "none"}]}}"#;
    assert!(rejection(twice).is_some_and(|it| it.contains("none by its name")));
    for items in [r#""null""#, r#"{"type": "record", "name": "none", "fields": []}"#] {
        let list = format!(r#"{{"name": "list", "type": {{"type": "array", "items": {items}}}}}"#);
        assert!(rejection(&list).is_some_and(|it| it.contains("items without bytes")), "{items}");
    }
    // Fields that a new version may have.
    for field in [
        r#"{"name": "more", "type": ["null", {"type": "map", "values": "long"}], "default": null}"#,
        r#"{"name": "more", "type": {"type": "array", "items": ["null", "string"]}, "default": []}"#,
        r#"{"name": "more", "type": {"type": "enum", "name": "mood", "symbols": ["good"]}}"#,
    ] {
        assert_eq!(rejection(field), None, "{field}");
    }
}

#[test]
fn length_in_datum_allocates_at_most_4_mib() {
    let mut schema: serde_json::Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
    let list = r#"{"name": "a_list", "type": {"type": "array", "items": "long"}}"#;
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.insert(0, serde_json::from_str(list).unwrap());
    let mut decoder = Decoder::for_writer(&schema.to_string()).unwrap();
    // A million items as a zigzag varint, which would allocate 56 MB before the first is read.
    assert!(decoder.decode(&[0x80, 0x89, 0x7a]).is_err());
    assert_eq!(apache_avro::util::max_allocation_bytes(1), 4 << 20, "the limit is ours");
}
