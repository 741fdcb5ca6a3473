//! Kafka is killed and comes back, and is away for long.

use crate::{
    client::{readiness, wait_until_delivering},
    crowd::Crowd,
    topic,
    world::{World, is_long, rounds},
};
use serde_json::json;
use std::time::Duration;
use tokio::task::block_in_place;

/// The page gives up after 8 s; no answer may take so long.
pub const PAGES_PATIENCE: Duration = Duration::from_secs(8);

/// Killed with SIGKILL at random moments. Visitors do not notice.
pub async fn at_random_moments(world: &mut World) {
    let relay = world.relay("kafka-dies").await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 8);
    for round in 1..=rounds(2) {
        crowd.wait_for_kafka(50).await;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1500))).await;
        block_in_place(|| world.stack.kafka.kill()).unwrap();
        crowd.wait_for_store(50).await;
        let state = readiness(&relay).await.unwrap();
        assert_eq!((&state["ready"], &state["kafka"]["state"]), (&json!(true), &json!("waiting")));
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1500))).await;
        block_in_place(|| world.stack.kafka.restart()).unwrap();
        crowd.wait_for_kafka(50).await;
        println!("      round {round}: slowest answer {:?}", crowd.slowest());
    }
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0), "the relay went on");
    assert!(outcome.slowest < PAGES_PATIENCE, "{:?}", outcome.slowest);
    wait_until_delivering(&relay).await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}

/// Away for minutes, and at the start of the relay already.
pub async fn for_long(world: &mut World) {
    let away = Duration::from_secs(if is_long() { 180 } else { 15 });
    block_in_place(|| world.stack.kafka.stop()).unwrap();
    let relay = world.relay("kafka-away").await;
    let crowd = Crowd::start(&relay, 8);
    crowd.wait_for_store(200).await;
    tokio::time::sleep(away).await;
    assert!(crowd.slowest() < Duration::from_secs(2), "nobody waits for Kafka");
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    // The direct route opens while people go on.
    crowd.wait_for_kafka(50).await;
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0), "the relay went on");
    wait_until_delivering(&relay).await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}
