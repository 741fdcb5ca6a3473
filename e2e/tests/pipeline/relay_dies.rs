//! The relay is killed and comes back; it is started before what it needs.

use crate::{
    client::{post, readiness, session, wait_for_state, wait_until_delivering},
    crowd::Crowd,
    topic,
    world::{World, rounds, words},
};
use e2e::until;
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tokio::task::block_in_place;

/// Killed with SIGKILL at random moments, and once told to end.
pub async fn at_random_moments(world: &mut World) {
    let mut relay = world.relay("relay-dies").await;
    wait_until_delivering(&relay).await;
    let options = world.options();
    let crowd = Crowd::start(&relay, 8);
    for _ in 0..rounds(4) {
        crowd.wait_for_kafka(30).await;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..500))).await;
        relay.kill();
        relay.start_again(&words(&options)).await;
    }
    crowd.wait_for_kafka(30).await;
    relay.stop();
    relay.start_again(&words(&options)).await;
    crowd.wait_for_kafka(30).await;
    let outcome = crowd.end().await;
    assert_eq!(outcome.unavailable, 0);
    wait_until_delivering(&relay).await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}

/// The relay first, then the registry, then Kafka.
pub async fn it_may_come_first(world: &mut World) {
    block_in_place(|| world.stack.kafka.stop()).unwrap();
    block_in_place(|| world.stack.registry.stop()).unwrap();
    let relay = world.relay("relay-first").await;
    let crowd = Crowd::start(&relay, 4);
    crowd.wait_for_store(100).await;
    let state = wait_for_state(&relay, "waiting", "registry").await;
    assert_eq!(state["ready"], json!(true));
    block_in_place(|| world.stack.registry.restart()).unwrap();
    until("the relay to wait for Kafka alone", async || {
        let reason = readiness(&relay).await?["kafka"]["reason"].to_string();
        if reason.contains("registry") { Err(reason) } else { Ok(()) }
    })
    .await;
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    crowd.wait_for_kafka(50).await;
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}

/// A relay that runs does not need the registry; one that starts waits for it.
pub async fn the_registry_may_be_away(world: &mut World) {
    let running = world.relay("registry-restarts").await;
    wait_until_delivering(&running).await;
    let crowd = Crowd::start(&running, 4);
    crowd.wait_for_kafka(50).await;
    block_in_place(|| world.stack.registry.kill()).unwrap();
    crowd.wait_for_kafka(50).await;

    let late = world.relay("registry-late").await;
    let batch = session(3, None);
    assert_eq!(post(&late, &batch, None).await.durable_in, "store");
    wait_for_state(&late, "waiting", "registry").await;
    block_in_place(|| world.stack.registry.restart()).unwrap();
    wait_until_delivering(&late).await;
    world.acknowledged(batch.session_id, &batch.events);

    crowd.wait_for_kafka(50).await;
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
    let messages = world.messages();
    assert_eq!(topic::counts(&messages, batch.session_id), [0, 1, 2, 3, 4]);
    // The same schema has the same id as before.
    let ids: BTreeSet<_> = messages.iter().map(|message| message.value[1..5].to_vec()).collect();
    assert_eq!(ids.len(), 1);
    world.settle(&running, outcome.acknowledged).await;
}
