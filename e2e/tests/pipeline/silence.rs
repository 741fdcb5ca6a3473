//! Kafka hangs: its connections stay open and nobody answers, as with a network that drops packets.

use crate::{
    client::wait_until_delivering,
    crowd::Crowd,
    topic,
    world::{World, is_long},
};
use std::time::{Duration, Instant};

/// What a request may wait for Kafka before the relay takes the store: its deadline for Kafka, and
/// the time for a commit.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(7);

/// Every later one.
const LATER_ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Messages that wait for Kafka are bounded to 64 MB; a busy relay needs a little beside.
const MAY_GROW_BY: u64 = 96 << 20;

/// Stopped with SIGSTOP for a while, and let go on.
pub async fn kafka_hangs(world: &mut World) {
    let hangs_for = Duration::from_secs(if is_long() { 120 } else { 12 });
    let relay = world.relay("kafka-hangs").await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 16);
    crowd.wait_for_kafka(200).await;
    crowd.slowest();
    let memory = relay.resident_bytes();

    world.stack.kafka.pause().unwrap();
    let start = Instant::now();
    // Each of the crowd has a request that waits for Kafka, and not all of them end at once.
    while start.elapsed() < FIRST_ANSWER_WITHIN {
        crowd.wait_for_store(100).await;
    }
    let slowest = crowd.slowest();
    assert!(slowest < FIRST_ANSWER_WITHIN, "{slowest:?}");
    while start.elapsed() < hangs_for {
        crowd.wait_for_store(100).await;
        let slowest = crowd.slowest();
        assert!(slowest < LATER_ANSWERS_WITHIN, "{slowest:?}");
        let grown = relay.resident_bytes().saturating_sub(memory);
        assert!(grown < MAY_GROW_BY, "{} MB more", grown >> 20);
    }
    let grown = relay.resident_bytes().saturating_sub(memory) >> 20;
    println!("      first answer within {slowest:?}; {grown} MB more memory");
    world.stack.kafka.resume().unwrap();
    crowd.wait_for_kafka(100).await;

    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
    wait_until_delivering(&relay).await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}
