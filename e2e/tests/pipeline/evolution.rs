//! The schema changes: who knows one version reads what was written with another (FULL), and the
//! registry refuses what old or new readers could not read.

use crate::{
    client::{event, wait_until_delivering},
    topic,
    world::{TOPIC, World},
};
use apache_avro::{
    Schema, reader::datum::GenericDatumReader, types::Value as Avro,
    writer::datum::GenericDatumWriter,
};
use e2e::record::{record, some_text};
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use schemas::{Action, Uuid, avro, frame};
use serde_json::{Value, json};
use std::time::Duration;

/// A field without a default: old messages have nothing to put there. And a field that is gone
/// without ever having had one: new messages have nothing for old readers.
pub async fn what_cannot_be_read_is_refused(world: &mut World) {
    let mut more = canonical();
    fields(&mut more).push(json!({"name": "shoe_size", "type": "int"}));
    let mut less = canonical();
    fields(&mut less).retain(|field| field["name"] != "action");
    let mut other = canonical();
    fields(&mut other)[3]["type"] = json!("string");
    for schema in [more, less, other] {
        let (status, answer) = register(world, &schema).await;
        assert_eq!(status, 409, "{answer}");
    }
}

/// A newer program adds a field, another one leaves one out; everybody goes on, the sink too.
pub async fn old_and_new_read_each_other(world: &mut World) {
    let mut more = canonical();
    fields(&mut more).push(json!({"name": "device", "type": ["null", "string"], "default": null}));
    let mut less = canonical();
    fields(&mut less).retain(|field| field["name"] != "cohort");
    for (schema, extra) in [(&more, Some("device")), (&less, None)] {
        let (status, answer) = register(world, schema).await;
        assert_eq!(status, 200, "{answer}");
        let id = u32::try_from(answer["id"].as_u64().unwrap()).unwrap();
        let session = Uuid::new_v4();
        produce(world, schema, id, session, extra).await;

        // A consumer with today's schema: the writer's comes from the registry, by its id.
        let message = find(world, session);
        let (written_with, datum) = frame::split(&message.value).unwrap();
        assert_eq!(written_with, id);
        let writer = world.registry(&format!("schemas/ids/{id}")).await;
        let writer = Schema::parse_str(writer["schema"].as_str().unwrap()).unwrap();
        let press = avro::decode(&writer, datum).unwrap();
        let expected = event(0, Action::EnterPage);
        assert_eq!((press.session_id, press.event, press.cohort), (session, expected, None));
        world.acknowledged(session, &[expected]);
    }

    // A relay with today's schema finds it under its old id, though newer versions are there.
    let relay = world.relay("evolution").await;
    wait_until_delivering(&relay).await;
    let batch = crate::client::session(2, Some(5));
    crate::client::post(&relay, &batch, None).await;
    world.acknowledged(batch.session_id, &batch.events);

    // A consumer with another schema reads today's messages.
    let message = find(world, batch.session_id);
    let (_, datum) = frame::split(&message.value).unwrap();
    for (reader, field, expected) in
        [(&more, "device", Some(Avro::Union(0, Box::new(Avro::Null)))), (&less, "cohort", None)]
    {
        let reader = Schema::parse_str(&reader.to_string()).unwrap();
        let decoded = GenericDatumReader::builder(avro::schema())
            .reader_schema(&reader)
            .build()
            .unwrap()
            .read_value(&mut &datum[..])
            .unwrap();
        let Avro::Record(values) = decoded else { panic!("{decoded:?}") };
        let found = values.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone());
        assert_eq!(found, expected);
        assert!(values.contains(&("session_id".to_owned(), Avro::Uuid(batch.session_id))));
    }

    world.settle_in_postgresql().await;
    assert_eq!(world.dead_letters(), 0);
}

/// What is no message of ours is put aside, and the sink goes on.
pub async fn junk_does_not_stop_the_sink(world: &mut World) {
    let key = Uuid::new_v4().to_string();
    let unknown_id = [&[0, 0, 0, 0x7f, 0xff][..], b"whatever"].concat();
    for junk in [b"not Avro at all".to_vec(), unknown_id] {
        let record = FutureRecord::to(TOPIC).key(&key).payload(&junk);
        producer(world).send(record, Duration::from_secs(10)).await.unwrap();
    }
    let relay = world.relay("junk").await;
    wait_until_delivering(&relay).await;
    let batch = crate::client::session(2, None);
    crate::client::post(&relay, &batch, None).await;
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
    e2e::until("two dead letters", async || match world.dead_letters() {
        2 => Ok(()),
        found => Err(format!("{found}")),
    })
    .await;
}

fn canonical() -> Value {
    serde_json::from_str(avro::SCHEMA_TEXT).unwrap()
}

fn fields(schema: &mut Value) -> &mut Vec<Value> {
    schema["fields"].as_array_mut().unwrap()
}

async fn register(world: &World, schema: &Value) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .post(format!("{}/subjects/button_presses-value/versions", world.stack.registry.url()))
        .json(&json!({"schema": schema.to_string()}))
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn producer(world: &World) -> FutureProducer {
    let bootstrap = world.stack.kafka.bootstrap();
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap()
}

/// An EnterPage as another program writes it, by its own schema.
async fn produce(world: &World, schema: &Value, id: u32, session: Uuid, extra: Option<&str>) {
    let schema = Schema::parse_str(&schema.to_string()).unwrap();
    let event = event(0, Action::EnterPage);
    let mut values = vec![
        ("session_id", Avro::Uuid(session)),
        ("timestamp", Avro::TimestampMicros(event.timestamp.micros())),
        ("action", Avro::String(event.action.name().to_owned())),
        ("count", Avro::Long(0)),
        ("country_name", Avro::String("Unknown".to_owned())),
        ("country_code", Avro::String("--".to_owned())),
    ];
    values.extend(extra.map(|extra| (extra, some_text("phone"))));
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let mut message = [&[0][..], &id.to_be_bytes()].concat();
    writer.write_value(&mut message, record(&schema, values)).unwrap();
    let key = session.to_string();
    let record = FutureRecord::to(TOPIC).key(&key).payload(&message);
    producer(world).send(record, Duration::from_secs(10)).await.unwrap();
}

fn find(world: &World, session: Uuid) -> topic::Message {
    let messages = world.messages();
    let found = messages.into_iter().find(|message| message.key == session.to_string().as_bytes());
    found.unwrap_or_else(|| panic!("session {session} is not in the topic"))
}
