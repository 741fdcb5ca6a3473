//! The Avro encoding, against itself for any event and against another implementation's bytes.
#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::{option, prelude::*};
use schemas::{
    Action, ButtonPress, Event, MAX_COUNT, Place, Timestamp, Uuid,
    avro::{self, Decoder, Encoder},
    frame::{self, Messages},
};

/// A coordinate as the relay makes them: rounded to one decimal.
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
        0..=MAX_COUNT,
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

/// Both ways of reading a datum, which must come to the same.
fn decode(datum: &[u8]) -> Option<ButtonPress> {
    let at_length = avro::decode(avro::schema(), datum);
    let at_once = Decoder::for_writer(avro::SCHEMA_TEXT).unwrap().decode(datum);
    match (at_length, at_once) {
        (Ok(at_length), Ok(at_once)) => {
            assert_eq!(at_length, at_once);
            Some(at_once)
        }
        (Err(_), Err(_)) => None,
        (at_length, at_once) => panic!("{at_length:?} and {at_once:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_press_survives_avro_and_the_frame(press in press(), id in any::<u32>()) {
        let message = frame::encode(&Encoder::new().unwrap(), id, &press).unwrap();
        let (schema_id, datum) = frame::split(&message).unwrap();
        prop_assert_eq!(schema_id, id);
        prop_assert_eq!(decode(datum), Some(press));
    }

    /// One of each for all: what they remember of one message is not taken for another's.
    #[test]
    fn presses_from_few_places_in_any_order_stay_apart(
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
    fn any_press_survives_json(press in press()) {
        let text = serde_json::to_string(&press).unwrap();
        prop_assert_eq!(serde_json::from_str::<ButtonPress>(&text).unwrap(), press);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok((_, datum)) = frame::split(&bytes) {
            decode(datum);
        }
        decode(&bytes);
    }

    #[test]
    fn a_message_that_is_cut_or_longer_is_refused(press in press(), cut in 1usize..20) {
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
fn bytes_are_those_of_another_implementation() {
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

/// The logical types must lie inside the type: beside it every library ignores them.
#[test]
fn logical_types_are_seen_by_the_library() {
    let apache_avro::Schema::Record(record) = avro::schema() else { panic!("not a record") };
    assert_eq!(record.name.name(), "button_presses");
    let schema_of = |name: &str| &record.fields[record.lookup[name]].schema;
    assert!(matches!(schema_of("session_id"), apache_avro::Schema::Uuid(_)));
    assert!(matches!(schema_of("timestamp"), apache_avro::Schema::TimestampMicros));
}

/// A schema of somebody else decides what reading a message takes; three kinds could end a reader.
#[test]
fn schemas_that_make_much_of_little_are_refused() {
    let with = |field: &str| {
        let mut schema: serde_json::Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
        let fields = schema["fields"].as_array_mut().unwrap();
        fields.push(serde_json::from_str(field).unwrap());
        Decoder::for_writer(&schema.to_string())
    };
    let refused = |field: &str| with(field).err().map(|error| error.to_string());
    // A stack overflow, which nothing catches.
    let itself = r#"{"name": "next", "type": ["null", "button_presses"], "default": null}"#;
    assert!(refused(itself).is_some_and(|it| it.contains("button_presses by its name")));
    // Doubles with each level.
    let twice = r#"{"name": "pair", "type": {"type": "record", "name": "pair", "fields": [
        {"name": "one", "type": {"type": "record", "name": "none", "fields": []}},
        {"name": "other", "type": "none"}]}}"#;
    assert!(refused(twice).is_some_and(|it| it.contains("none by its name")));
    for items in [r#""null""#, r#"{"type": "record", "name": "none", "fields": []}"#] {
        let list = format!(r#"{{"name": "list", "type": {{"type": "array", "items": {items}}}}}"#);
        assert!(refused(&list).is_some_and(|it| it.contains("takes no bytes")), "{items}");
    }
    // What an ordinary new version may have.
    for field in [
        r#"{"name": "more", "type": ["null", {"type": "map", "values": "long"}], "default": null}"#,
        r#"{"name": "more", "type": {"type": "array", "items": ["null", "string"]}, "default": []}"#,
        r#"{"name": "more", "type": {"type": "enum", "name": "mood", "symbols": ["good"]}}"#,
    ] {
        assert_eq!(refused(field), None, "{field}");
    }
}

/// However many items a datum promises.
#[test]
fn a_datum_that_promises_much_is_not_believed() {
    let mut schema: serde_json::Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
    let list = r#"{"name": "a_list", "type": {"type": "array", "items": "long"}}"#;
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.insert(0, serde_json::from_str(list).unwrap());
    let mut decoder = Decoder::for_writer(&schema.to_string()).unwrap();
    // A million, as a zigzag varint: 56 MB of room for them, before the first is read.
    assert!(decoder.decode(&[0x80, 0x89, 0x7a]).is_err());
    assert_eq!(apache_avro::util::max_allocation_bytes(1), 4 << 20, "the limit is ours");
}
