//! The first event of a (`session_id`, `count`) counts: a later one with other content displaces it nowhere.

use crate::{
    client::{event, post, session, wait_until_delivering},
    live,
    world::{TOPIC, World, words},
};
use e2e::{Relay, until};
use local_stack::Service;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use schemas::{
    Action, ButtonPress, Event, EventBatch, MAX_COUNT, Place, Timestamp, Uuid, avro, frame,
};
use serde_json::Value;
use std::{process::Command, sync::Arc, time::Duration};

/// A client of a local network, whose place is another than that of the relay's own machine.
const OTHER_CLIENT: &str = "10.1.2.3";

/// Conflicting events by way of Kafka, and again when the sink reads the whole topic once more.
pub async fn event_stays_when_another_has_its_name(world: &mut World) {
    let relay = world.relay("first").await;
    wait_until_delivering(&relay).await;
    let batch = session(3, None);
    let id = batch.session_id;
    assert_eq!(post(&relay, &batch, None).await.location.country_name, "Localhost");
    let conflicting = conflicting(&batch);
    let receipt = post(&relay, &conflicting, Some(OTHER_CLIENT)).await;
    // Durable, and no look back.
    assert_eq!(
        (&*receipt.durable_in, &*receipt.location.country_name),
        ("kafka", "Private Network")
    );
    let messages = world.messages();
    let sent: Vec<_> = messages.iter().filter(|message| message.session() == id).collect();
    assert_eq!(sent.len(), 2 * batch.events.len(), "Kafka has both");
    world.acknowledged(id, &batch.events);
    arrived(world, &relay, id, 5).await;
    is_first(world, &batch);

    read_topic_again(world).await;
    arrived(world, &relay, id, 6).await;
    is_first(world, &batch);
    world.settle_in_postgresql().await;

    // Of a relay that has seen all, and of one that starts now.
    live::numbers_are_exact(&relay, world.ledger()).await;
    let late = world.relay("first-late").await;
    live::numbers_are_exact(&late, world.ledger()).await;
    audits_agree(world);
}

/// Conflicting events in the relay's store, which then go to Kafka.
pub async fn event_stays_in_the_store(world: &mut World) {
    let mut relay =
        Relay::start(&world.relay_folder("first-store"), &["--trusted-proxies", "127.0.0.1/32"])
            .await;
    let batch = session(2, None);
    post(&relay, &batch, None).await;
    let receipt = post(&relay, &conflicting(&batch), Some(OTHER_CLIENT)).await;
    assert_eq!(&*receipt.durable_in, "store");
    let stored: Vec<_> = relay.stored().iter().map(|row| row.press.event).collect();
    assert_eq!(stored, batch.events);
    assert!(relay.stored().iter().all(|row| row.press.place.country_name == "Localhost"));
    relay.stop();
    relay.start_again(&words(&world.options())).await;
    wait_until_delivering(&relay).await;
    // What the store does not have goes to Kafka, and stops there.
    post(&relay, &conflicting(&batch), Some(OTHER_CLIENT)).await;
    world.acknowledged(batch.session_id, &batch.events);
    arrived(world, &relay, batch.session_id, 4).await;
    is_first(world, &batch);
}

/// A table of a relay of an earlier version gets the rule by the text of the table.
pub async fn table_of_an_earlier_version_is_upgraded(world: &mut World) {
    let columns = r#"(session_id, "timestamp", action, count, country_name, country_code)"#;
    let upsert = |name: &str| {
        format!(
            "INSERT INTO button_presses {columns} VALUES ('{}', 1, 'EnterPage', 0, '{name}', '--')
             ON CONFLICT (session_id, count) DO UPDATE SET country_name = EXCLUDED.country_name;",
            Uuid::from_u128(1)
        )
    };
    let name = "SELECT country_name FROM button_presses";
    let id = format!("session_id = '{}'", Uuid::from_u128(1));
    world.query(
        "DROP TRIGGER button_presses_keep_first ON button_presses;
         DROP FUNCTION button_presses_keep_first",
    );
    let displaced =
        world.query(&format!("{}{}{name} WHERE {id}", upsert("first"), upsert("second")));
    assert_eq!(displaced, "second", "the table of an earlier version keeps the last");
    tokio::task::block_in_place(|| world.stack.postgresql.settle()).unwrap();
    assert_eq!(world.query(&format!("{}{name} WHERE {id}", upsert("third"))), "second");
    // By hand, where it is meant.
    let trigger = "TRIGGER button_presses_keep_first";
    let changed = world.query(&format!(
        "BEGIN; ALTER TABLE button_presses DISABLE {trigger};
         UPDATE button_presses SET country_name = 'changed' WHERE {id};
         ALTER TABLE button_presses ENABLE {trigger}; COMMIT;
         {}{name} WHERE {id}; DELETE FROM button_presses WHERE {id}",
        upsert("fourth")
    ));
    assert_eq!(changed, "changed");
}

/// A record of another writer with a count that no page reaches makes no other event missing.
pub async fn count_beyond_the_maximum_makes_nothing_missing(world: &mut World) {
    let relay = world.relay("first-beyond").await;
    wait_until_delivering(&relay).await;
    let batch = session(3, None);
    let id = batch.session_id;
    post(&relay, &batch, None).await;
    let far =
        [MAX_COUNT + 1, (1 << 53) - 1].map(|count| Event { count, ..event(9, Action::EnterPage) });
    for event in far {
        produce(world, id, event).await;
    }
    world.acknowledged(id, &batch.events);
    world.acknowledged(id, &far);
    world.settle_in_postgresql().await;
    assert_eq!(completeness(world, id), "5|3|5|0|t");
    assert_eq!(
        world.query("SELECT coalesce(sum(missing), 0) < 1000000 FROM session_completeness"),
        "t"
    );
    audits_agree(world);
}

/// Another action and time, for each event.
fn conflicting(batch: &EventBatch) -> EventBatch {
    let mut batch = batch.clone();
    for event in &mut batch.events {
        event.action = match event.action {
            Action::PressButton => Action::ExitPage,
            Action::EnterPage | Action::ExitPage => Action::PressButton,
        };
        event.timestamp = Timestamp::from_micros(946_684_800_000_000).unwrap();
    }
    batch
}

/// Posts the session's next event and waits until it is in PostgreSQL: what is before it in the partition
/// has been written then.
async fn arrived(world: &mut World, relay: &Relay, session: Uuid, count: u64) {
    let next = event(count, Action::ExitPage);
    let batch = EventBatch { session_id: session, cohort: None, events: vec![next] };
    post(relay, &batch, None).await;
    world.acknowledged(session, &[next]);
    until("the sink to write the session's next event", async || {
        world.mend_sink();
        let count = format!("session_id = '{session}' AND count = {count}");
        match world.query(&format!("SELECT count(*) FROM button_presses WHERE {count}")).as_str() {
            "1" => Ok(()),
            found => Err(found.to_owned()),
        }
    })
    .await;
}

fn is_first(world: &World, batch: &EventBatch) {
    let id = batch.session_id;
    let found = world.query(&format!(
        r#"SELECT count, action, "timestamp", country_name FROM button_presses
           WHERE session_id = '{id}' AND count < {} ORDER BY count"#,
        batch.events.len()
    ));
    let expected: Vec<_> = batch
        .events
        .iter()
        .map(|Event { timestamp, action, count }| {
            format!("{count}|{}|{}|Localhost", action.name(), timestamp.micros())
        })
        .collect();
    assert_eq!(found, expected.join("\n"));
    let presses = batch.events.len() - 2;
    let completeness = completeness(world, id);
    let columns: Vec<_> = completeness.split('|').collect();
    assert_eq!((columns[1], &columns[3..]), (&*presses.to_string(), &["0", "t"][..]));
}

fn completeness(world: &World, session: Uuid) -> String {
    world.query(&format!(
        "SELECT events, presses, expected, missing, complete FROM session_completeness
         WHERE session_id = '{session}'"
    ))
}

/// Has the sink read the topic from its beginning, as deploy/connectors/README.md describes it.
async fn read_topic_again(world: &World) {
    let sink = format!("{}/connectors/{}", world.stack.connect.url(), local_stack::CONNECTOR);
    let client = reqwest::Client::new();
    let put = |action: &str| client.put(format!("{sink}/{action}")).send();
    put("stop").await.unwrap().error_for_status().unwrap();
    until("the sink's position to be deleted", async || {
        // Refused until the sink has stopped.
        let answer = client.delete(format!("{sink}/offsets")).send().await.unwrap();
        if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap()) }
    })
    .await;
    put("resume").await.unwrap().error_for_status().unwrap();
    until("the sink to run", async || {
        tokio::task::block_in_place(|| world.stack.connect.sink_state())
    })
    .await;
}

/// Writes an event past the relay, as any program could that may write to the topic.
async fn produce(world: &World, session_id: Uuid, event: Event) {
    let latest = world.registry("subjects/button_presses-value/versions/latest").await;
    let place = Arc::new(Place::localhost());
    let press = ButtonPress { session_id, event, place, cohort: None };
    let encoder = avro::Encoder::new().unwrap();
    let id = latest["id"].as_u64().unwrap().try_into().unwrap();
    let mut messages = frame::Messages::new(&encoder, id);
    let key = session_id.to_string();
    let record = FutureRecord::to(TOPIC).key(&key).payload(messages.of(&press).unwrap());
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", world.stack.kafka.bootstrap());
    let producer: FutureProducer = client.create().unwrap();
    producer.send(record, Duration::from_secs(10)).await.unwrap();
}

/// The audit of the topic and that of the table find the same events and sessions.
fn audits_agree(world: &World) {
    let audit = |more: &[&str]| -> Value {
        let output = Command::new(e2e::button())
            .args(["audit", "--json"])
            .args(more)
            .current_dir(world.folder.path())
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    };
    let (bootstrap, registry) = (world.stack.kafka.bootstrap(), world.stack.registry.url());
    let topic = audit(&["--kafka-service-uri", &bootstrap, "--schema-registry-uri", &registry]);
    let table = audit(&["--postgresql", "--postgresql-uri", &world.stack.postgresql.url()]);
    for number in ["events", "beyond_belief", "sessions", "missing"] {
        assert_eq!(topic[number], table[number], "{number}");
    }
}
