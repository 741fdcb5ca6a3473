//! Where receipts locate events in Kafka, another client finds exactly these events.

use crate::{
    client::{post, session, wait_for_state, wait_until_delivering},
    live::numbers_are_exact,
    topic::Message,
    world::{TOPIC, World},
};
use e2e::Relay;
use schemas::{EventBatch, KafkaRecords, RecordQuery, frame};
use tokio::task::block_in_place;

/// By two relays in turn, whose records are between each other's.
pub async fn of_receipts_are_in_the_topic(world: &mut World) {
    let relays = [world.relay("records-a").await, world.relay("records-b").await];
    for relay in &relays {
        wait_until_delivering(relay).await;
    }
    let mut receipts = Vec::new();
    for turn in 0..6 {
        let batch = session(3 * turn, None);
        let receipt = post(&relays[turn as usize % 2], &batch, None).await;
        world.acknowledged(batch.session_id, &batch.events);
        receipts.push((batch, receipt.kafka.unwrap()));
    }
    let messages = world.messages();
    for (batch, records) in &receipts {
        assert_found(records, batch, &messages);
    }
    world.settle_in_postgresql().await;
}

/// Of events that wait in the store while Kafka is away. The live numbers count them meanwhile, and once.
pub async fn of_stored_events_are_known_after_delivery(world: &mut World) {
    let relay = world.relay("records-stored").await;
    wait_until_delivering(&relay).await;
    numbers_are_exact(&relay, world.ledger()).await;
    block_in_place(|| world.stack.kafka.kill()).unwrap();
    let batch = session(20, None);
    let receipt = post(&relay, &batch, None).await;
    assert_eq!((receipt.durable_in.as_str(), receipt.kafka), ("store", None));
    world.acknowledged(batch.session_id, &batch.events);
    numbers_are_exact(&relay, world.ledger()).await;
    wait_for_state(&relay, "waiting", "").await;
    assert_eq!(ask(&relay, &batch).await.partitions, []);
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    wait_until_delivering(&relay).await;
    assert_found(&ask(&relay, &batch).await, &batch, &world.messages());
    let last = session(1, None);
    post(&relay, &last, None).await;
    world.acknowledged(last.session_id, &last.events);
    // The topic's reader has passed the repeats when it comes to this one.
    numbers_are_exact(&relay, world.ledger()).await;
    world.settle_in_postgresql().await;
}

/// Asks as a page does.
async fn ask(relay: &Relay, batch: &EventBatch) -> KafkaRecords {
    let counts = batch.events.iter().map(|event| event.count).collect();
    let query = RecordQuery { session_id: batch.session_id, counts };
    let request = reqwest::Client::new().post(format!("{}/api/records", relay.url()));
    let response = request.body(serde_json::to_string(&query).unwrap()).send().await.unwrap();
    response.error_for_status().unwrap().json().await.unwrap()
}

/// Every event of the batch is in the topic where the records locate it.
pub fn assert_found(records: &KafkaRecords, batch: &EventBatch, messages: &[Message]) {
    assert_eq!(records.topic, TOPIC);
    let records: Vec<_> = records.records().collect();
    assert_eq!(records.len(), batch.events.len());
    for ((count, record), event) in records.iter().zip(&batch.events) {
        assert_eq!(*count, event.count);
        let is_there =
            |it: &&Message| (it.partition, it.offset) == (record.partition, record.offset);
        let message = messages.iter().find(is_there).unwrap();
        let press = message.press();
        assert_eq!((press.session_id, press.event), (batch.session_id, *event));
        assert_eq!(message.value.len(), record.bytes);
        assert_eq!(frame::split(&message.value).unwrap().0, record.schema_id);
    }
}
