//! What is in the topic is what every consumer expects, also what was recorded before there was a
//! Kafka.

use crate::{
    client::{post, readiness, session, wait_until_delivering},
    topic,
    world::{World, words},
};
use apache_avro::{reader::datum::GenericDatumReader, types::Value as Avro};
use e2e::{Relay, geo_database, small_geo, until};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
};
use schemas::{ButtonPress, EventBatch, Place};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::task::block_in_place;

pub async fn stored_before_there_was_a_kafka(world: &mut World) {
    let mut relay = Relay::start(&world.relay_folder("stand"), &[]).await;
    let batch = session(40, None);
    assert_eq!(post(&relay, &batch, None).await.durable_in, "store");
    relay.stop();

    relay.start_again(&words(&world.options())).await;
    wait_until_delivering(&relay).await;
    let counts: Vec<_> = (0..=41).collect();
    assert_eq!(topic::counts(&world.messages(), batch.session_id), counts);
    assert!(relay.stored().iter().all(|row| row.delivered_at.is_some()));
    // The record's time is when the relay received it, not when Kafka came.
    let received: Vec<_> = relay.stored().iter().map(|row| row.received_at / 1000).collect();
    let stamped: Vec<_> = world.messages().iter().map(|message| message.timestamp_millis).collect();
    assert_eq!(stamped, received);
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
}

/// The relay's clock was five hours ahead while there was no Kafka, which rejects records from the future
/// (KIP-937): they come with the time at which they are delivered, and hold up nothing.
pub async fn stored_with_a_clock_that_was_ahead(world: &mut World) {
    const AHEAD_MICROS: i64 = 5 * 3600 * 1_000_000;
    let mut relay = Relay::start(&world.relay_folder("clock"), &[]).await;
    let (ahead, right) = (session(10, None), session(10, None));
    post(&relay, &ahead, None).await;
    post(&relay, &right, None).await;
    relay.stop();
    change_store(
        &relay,
        "UPDATE button_presses SET received_at = received_at + ?1 WHERE session_id = ?2",
        (AHEAD_MICROS, ahead.session_id.to_string()),
    );
    relay.start_again(&words(&world.options())).await;
    wait_until_delivering(&relay).await;
    let messages = world.messages();
    let now = now_millis();
    for batch in [&ahead, &right] {
        assert_eq!(topic::counts(&messages, batch.session_id), (0..=11).collect::<Vec<_>>());
        world.acknowledged(batch.session_id, &batch.events);
    }
    assert!(messages.iter().all(|message| message.timestamp_millis <= now));
    world.settle_in_postgresql().await;
}

/// A row that Kafka does not take as it is, since it is too large, stays in the store; the others go on.
pub async fn one_that_kafka_rejects_holds_up_nothing(world: &mut World) {
    const SMALL: &str = "small-messages";
    let admin: AdminClient<_> = ClientConfig::new()
        .set("bootstrap.servers", world.stack.kafka.bootstrap())
        .create()
        .unwrap();
    let topic = NewTopic::new(SMALL, 3, TopicReplication::Fixed(1)).set("max.message.bytes", "600");
    admin.create_topics([&topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let mut relay = Relay::start(&world.relay_folder("rejected"), &[]).await;
    // Together they are larger than what the topic takes at once, too.
    let batch = session(30, None);
    post(&relay, &batch, None).await;
    relay.stop();
    // Nothing that compression makes small.
    let too_large = "UPDATE button_presses SET city_name = hex(randomblob(2000)) WHERE count = ?1";
    change_store(&relay, too_large, [7]);
    let options = [world.options(), vec!["--topic".to_owned(), SMALL.to_owned()]].concat();
    relay.start_again(&words(&options)).await;
    wait_until_delivering(&relay).await;
    let messages = block_in_place(|| topic::read(&world.stack.kafka.bootstrap(), SMALL));
    let expected: Vec<u64> = (0..=31).filter(|count| *count != 7).collect();
    assert_eq!(topic::counts(&messages, batch.session_id), expected);
    let state = until("the relay to say what it keeps", async || {
        let state = readiness(&relay).await?;
        if state["warnings"].is_array() { Ok(state) } else { Err(state.to_string()) }
    })
    .await;
    let warning = state["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("1 events stay in the store"), "{warning}");
    assert!(warning.contains("max.message.bytes"), "{warning}");
    assert_eq!((&state["ready"], &state["store"]["undelivered"]), (&json!(true), &json!(1)));
    // And what comes now goes straight to Kafka.
    assert_eq!(post(&relay, &session(1, None), None).await.durable_in, "kafka");
}

fn change_store(relay: &Relay, sql: &str, values: impl rusqlite::Params) {
    let store = rusqlite::Connection::open(relay.store_file()).unwrap();
    assert!(store.execute(sql, values).unwrap() > 0);
}

pub async fn as_every_consumer_expects(world: &mut World) {
    let relay = world.relay("format").await;
    wait_until_delivering(&relay).await;
    let (visitor, place) = match geo_database() {
        Some(_) => ("199.250.231.120", nahunta()),
        None => (small_geo::KNOWN_V4, saeffle()),
    };
    let batch = session(20, Some(7));
    let before = now_millis();
    let receipt = post(&relay, &batch, Some(visitor)).await;
    let after = now_millis();
    assert_eq!(receipt.durable_in, "kafka");
    assert_eq!(receipt.location, place);

    // What consumers know is what the registry tells them.
    let subject = world.registry("subjects/button_presses-value/versions/latest").await;
    let id = u32::try_from(subject["id"].as_u64().unwrap()).unwrap();
    let text = world.registry(&format!("schemas/ids/{id}")).await;
    let text = text["schema"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(text).unwrap(),
        serde_json::from_str::<Value>(schemas::avro::SCHEMA_TEXT).unwrap()
    );
    let schema = apache_avro::Schema::parse_str(text).unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();

    let messages = world.messages();
    let messages: Vec<_> =
        messages.iter().filter(|message| message.session() == batch.session_id).collect();
    assert_eq!(messages.len(), batch.events.len());
    for (message, event) in messages.iter().zip(&batch.events) {
        assert_eq!(message.key, batch.session_id.to_string().as_bytes());
        assert_eq!(message.partition, messages[0].partition, "a session stays in one partition");
        assert_eq!(message.headers, b"");
        assert!((before..=after).contains(&message.timestamp_millis), "the time of receipt");
        assert_eq!(message.value[0], 0);
        assert_eq!(message.value[1..5], id.to_be_bytes());
        let mut datum = &message.value[5..];
        let decoded = reader.read_value(&mut datum).unwrap();
        let expected = ButtonPress {
            session_id: batch.session_id,
            event: *event,
            place: place.clone().into(),
            cohort: Some(7),
        };
        assert_eq!(decoded, record(&expected));
        assert_eq!(datum, b"");
    }
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
    in_postgresql(world, &batch, &place);
}

/// Every column, as the sink writes it.
fn in_postgresql(world: &World, batch: &EventBatch, place: &Place) {
    let session = batch.session_id;
    let columns = "country_name, country_code, subdivision_name, subdivision_code, city_name, \
                   latitude, longitude, cohort";
    let found = world.query(&format!(
        "SELECT DISTINCT {columns} FROM button_presses WHERE session_id = '{session}'"
    ));
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<f64>| number.map(|n| n.to_string()).unwrap_or_default();
    let expected = [
        place.country_name.clone(),
        place.country_code.clone(),
        text(&place.subdivision_name),
        text(&place.subdivision_code),
        text(&place.city_name),
        number(place.latitude),
        number(place.longitude),
        "7".to_owned(),
    ];
    assert_eq!(found, expected.join("|"));
    let times = world.query(&format!(
        "SELECT happened_at AT TIME ZONE 'UTC' FROM button_presses
         WHERE session_id = '{session}' AND count < 2 ORDER BY count"
    ));
    assert_eq!(times, "2025-03-07 10:33:46.75424\n2025-03-07 10:33:47.104241");
    let completeness = world.query(&format!(
        "SELECT cohort, events, presses, expected, missing, complete
         FROM session_completeness WHERE session_id = '{session}'"
    ));
    assert_eq!(completeness, "7|22|20|22|0|t");
}

/// The record with the types that the schema gives each field.
fn record(press: &ButtonPress) -> Avro {
    let text = |text: &str| Avro::String(text.to_owned());
    let nullable = |value: Option<Avro>| match value {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(value) => Avro::Union(1, Box::new(value)),
    };
    let place = &press.place;
    let fields = vec![
        ("session_id", Avro::Uuid(press.session_id)),
        ("timestamp", Avro::TimestampMicros(press.event.timestamp.micros())),
        ("action", text(press.event.action.name())),
        ("count", Avro::Long(press.event.count.try_into().unwrap())),
        ("country_name", text(&place.country_name)),
        ("country_code", text(&place.country_code)),
        ("subdivision_name", nullable(place.subdivision_name.as_deref().map(text))),
        ("subdivision_code", nullable(place.subdivision_code.as_deref().map(text))),
        ("city_name", nullable(place.city_name.as_deref().map(text))),
        ("latitude", nullable(place.latitude.map(Avro::Double))),
        ("longitude", nullable(place.longitude.map(Avro::Double))),
        ("cohort", nullable(press.cohort.map(Avro::Int))),
    ];
    e2e::record::record(schemas::avro::schema(), fields)
}

fn place(json: Value) -> Place {
    serde_json::from_value(json).unwrap()
}

fn nahunta() -> Place {
    place(json!({
        "country_name": "United States", "country_code": "US", "subdivision_name": "Georgia",
        "subdivision_code": "GA", "city_name": "Nahunta", "latitude": 31.2, "longitude": -82.0,
    }))
}

fn saeffle() -> Place {
    place(json!({
        "country_name": "Sweden", "country_code": "SE", "subdivision_name": "Värmland County",
        "subdivision_code": "S", "city_name": "Säffle", "latitude": 59.1, "longitude": 12.9,
    }))
}

fn now_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}
