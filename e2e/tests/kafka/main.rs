//! The relay with a real Kafka and a real schema registry, with and without them for a while.
//!
//! One test, as starting Kafka takes most of the time; its parts come one after the other and use
//! relays and sessions of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod client;
mod topic;

use apache_avro::{reader::datum::GenericDatumReader, types::Value as Avro};
use client::{Crowd, post, readiness, session, wait_until_delivering};
use e2e::{
    Relay,
    addresses::{assert_no_address_in, assert_no_address_under, forwarded_for},
    geo_database, small_geo, until,
};
use local_stack::{Ports, Stack};
use schemas::{ButtonPress, Place};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::task::block_in_place;

const TOPIC: &str = "button_presses";

struct World {
    stack: Stack,
    geo: PathBuf,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::start(&folder.path().join("stack"), Ports::free().unwrap())
            .unwrap_or_else(|error| panic!("{error}"));
        let geo = geo_database().unwrap_or_else(|| {
            let small = folder.path().join("small.mmdb");
            small_geo::write(&small, small_geo::Layout::Standard, "Säffle");
            small
        });
        Self { stack, geo, folder }
    }

    /// The relay's options, with Kafka.
    fn options(&self) -> Vec<String> {
        [
            ["--kafka-service-uri", &self.stack.kafka.bootstrap()],
            ["--schema-registry-uri", &self.stack.registry.url()],
            ["--trusted-proxies", "127.0.0.1/32"],
            ["--geo-database", &self.geo.to_string_lossy()],
            ["--log", "trace"],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }

    /// A relay of its own for one part of the test.
    async fn relay(&self, name: &str) -> Relay {
        println!("part: {name}");
        let options = self.options();
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        Relay::start(&self.folder.path().join("relays").join(name), &options).await
    }

    fn messages(&self) -> Vec<topic::Message> {
        block_in_place(|| topic::read(&self.stack.kafka.bootstrap(), TOPIC))
    }

    /// Asks the registry.
    async fn registry(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.stack.registry.url());
        reqwest::get(url).await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("all data and logs are kept in {}", self.folder.path().display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_kafka_whatever_happens_to_it() {
    let mut world = block_in_place(World::start);
    events_stored_before_there_was_a_kafka_reach_it(&world).await;
    messages_are_what_every_consumer_expects(&world).await;
    the_registry_refuses_what_old_readers_could_not_read(&world).await;
    no_press_is_lost_when_kafka_dies(&mut world).await;
    a_relay_that_dies_leaves_nothing_behind(&world).await;
    the_registry_may_come_later(&mut world).await;
    no_address_is_in_kafka(&mut world).await;
}

async fn events_stored_before_there_was_a_kafka_reach_it(world: &World) {
    let folder = world.folder.path().join("relays/stand");
    let mut relay = Relay::start(&folder, &[]).await;
    let batch = session(40, None);
    assert_eq!(post(&relay, &batch, None).await.durable_in, "store");
    relay.stop();

    let options = world.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    relay.start_again(&options).await;
    wait_until_delivering(&relay).await;
    let counts: Vec<_> = (0..=41).collect();
    assert_eq!(topic::counts(&world.messages(), batch.session_id), counts);
    assert!(relay.stored().iter().all(|row| row.delivered_at.is_some()));
    // The record's time is when the relay received it, not when Kafka came.
    let received: Vec<_> = relay.stored().iter().map(|row| row.received_at / 1000).collect();
    let stamped: Vec<_> = world.messages().iter().map(|message| message.timestamp_millis).collect();
    assert_eq!(stamped, received);
}

async fn messages_are_what_every_consumer_expects(world: &World) {
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
            place: place.clone(),
            cohort: Some(7),
        };
        assert_eq!(decoded, record(&expected));
        assert_eq!(datum, b"");
    }
}

/// The record with the types that the schema gives each field.
fn record(press: &ButtonPress) -> Avro {
    let text = |text: &str| Avro::String(text.to_owned());
    let nullable = |value: Option<Avro>| match value {
        None => Avro::Union(0, Box::new(Avro::Null)),
        Some(value) => Avro::Union(1, Box::new(value)),
    };
    let place = &press.place;
    let fields = [
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
    Avro::Record(fields.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

fn nahunta() -> Place {
    Place {
        country_name: "United States".to_owned(),
        country_code: "US".to_owned(),
        subdivision_name: Some("Georgia".to_owned()),
        subdivision_code: Some("GA".to_owned()),
        city_name: Some("Nahunta".to_owned()),
        latitude: Some(31.2),
        longitude: Some(-82.0),
    }
}

fn saeffle() -> Place {
    Place {
        country_name: "Sweden".to_owned(),
        country_code: "SE".to_owned(),
        subdivision_name: Some("Värmland County".to_owned()),
        subdivision_code: Some("S".to_owned()),
        city_name: Some("Säffle".to_owned()),
        latitude: Some(59.1),
        longitude: Some(12.9),
    }
}

fn now_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

async fn the_registry_refuses_what_old_readers_could_not_read(world: &World) {
    println!("part: compatibility");
    let mut schema: Value = serde_json::from_str(schemas::avro::SCHEMA_TEXT).unwrap();
    // A field without a default: old messages have nothing to put there.
    schema["fields"].as_array_mut().unwrap().push(json!({"name": "shoe_size", "type": "int"}));
    let answer = reqwest::Client::new()
        .post(format!("{}/subjects/button_presses-value/versions", world.stack.registry.url()))
        .json(&json!({"schema": schema.to_string()}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 409);
}

async fn no_press_is_lost_when_kafka_dies(world: &mut World) {
    let relay = world.relay("outage").await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 6);
    crowd.wait_for_kafka(100).await;
    block_in_place(|| world.stack.kafka.kill()).unwrap();
    crowd.wait_for_store(100).await;
    let state = readiness(&relay).await.unwrap();
    assert_eq!((&state["ready"], &state["kafka"]["state"]), (&json!(true), &json!("waiting")));
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    crowd.wait_for_kafka(100).await;
    let acknowledged = crowd.end().await;
    wait_until_delivering(&relay).await;

    let messages = world.messages();
    for (session, presses) in acknowledged {
        // In order too, since each press was sent when the one before was acknowledged.
        let counts: Vec<_> = (0..presses).collect();
        assert_eq!(topic::counts(&messages, session), counts, "session {session}");
    }
    assert!(relay.stored().iter().all(|row| row.delivered_at.is_some()));
}

async fn a_relay_that_dies_leaves_nothing_behind(world: &World) {
    let mut relay = world.relay("relay-kill").await;
    wait_until_delivering(&relay).await;
    let options = world.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let crowd = Crowd::start(&relay, 6);
    for round in 0..4 {
        crowd.wait_for_kafka(50).await;
        if round % 2 == 0 {
            relay.kill();
        } else {
            relay.stop();
        }
        relay.start_again(&options).await;
    }
    crowd.wait_for_kafka(1).await;
    let acknowledged = crowd.end().await;
    wait_until_delivering(&relay).await;
    let messages = world.messages();
    for (session, presses) in acknowledged {
        let counts: Vec<_> = (0..presses).collect();
        assert_eq!(topic::counts(&messages, session), counts, "session {session}");
    }
}

async fn the_registry_may_come_later(world: &mut World) {
    block_in_place(|| world.stack.registry.stop()).unwrap();
    let relay = world.relay("registry").await;
    let batch = session(3, None);
    assert_eq!(post(&relay, &batch, None).await.durable_in, "store");
    until("the relay to say what it waits for", async || {
        let state = readiness(&relay).await?;
        let reason = state["kafka"]["reason"].as_str().unwrap_or_default();
        if reason.contains("registry") { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    block_in_place(|| world.stack.registry.restart()).unwrap();
    wait_until_delivering(&relay).await;
    let messages = world.messages();
    assert_eq!(topic::counts(&messages, batch.session_id), [0, 1, 2, 3, 4]);
    // The same schema has the same id as before.
    let ids: std::collections::BTreeSet<_> =
        messages.iter().map(|message| message.value[1..5].to_vec()).collect();
    assert_eq!(ids.len(), 1);
}

async fn no_address_is_in_kafka(world: &mut World) {
    let relay = world.relay("privacy").await;
    wait_until_delivering(&relay).await;
    for address in forwarded_for() {
        let receipt = post(&relay, &session(1, None), Some(&address)).await;
        assert_eq!(receipt.durable_in, "kafka");
    }
    for message in world.messages() {
        assert_no_address_in("a message", &message.key);
        assert_no_address_in("a message", &message.value);
        assert_no_address_in("a message", &message.headers);
    }
    drop(relay);
    block_in_place(|| world.stack.stop()).unwrap();
    // The broker's and the registry's data and logs, and those of every relay so far.
    assert!(assert_no_address_under(world.folder.path()) > 100_000);
}
