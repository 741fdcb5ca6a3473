//! Everything at once, for long: presses, batches, viewers, slow clients and floods, while the relay and
//! Kafka are killed, stopped and paused by turns. In the end the account is exact, and neither memory
//! nor any file has grown beyond what is stated in `bounds.rs`.
//!
//! `cargo xtask soak` runs it for half an hour, `cargo xtask test --long` for a minute.

mod batches;
mod bounds;
mod nuisance;

use crate::{
    client::wait_until_delivering,
    crowd::Crowd,
    live, topic,
    world::{World, is_long, words},
};
use batches::Batches;
use bounds::Footprint;
use e2e::Relay;
use nuisance::Nuisance;
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

/// What goes wrong, by turns.
const FAULTS: [Fault; 5] = [
    Fault::KafkaKilled,
    Fault::RelayKilled,
    Fault::KafkaStopped,
    Fault::RelayStopped,
    Fault::KafkaPaused,
];

/// Visitors of each relay, and the pause between two events of one: some hundred thousand events in half
/// an hour, which can be compared one by one in the end.
const VISITORS: usize = 4;
const PACE: Duration = Duration::from_millis(80);

/// Between two faults, at random up to this.
const CALM: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug)]
enum Fault {
    RelayKilled,
    RelayStopped,
    KafkaKilled,
    KafkaStopped,
    KafkaPaused,
}

/// How long, if at all: `E2E_SOAK_SECONDS`, or a minute in the long form of the tests.
fn wanted() -> Option<Duration> {
    let seconds = std::env::var("E2E_SOAK_SECONDS").ok().filter(|text| !text.is_empty());
    let seconds = seconds.map(|text| text.parse().expect("E2E_SOAK_SECONDS is a number"));
    seconds.or(is_long().then_some(60)).map(Duration::from_secs)
}

/// One relay lives as long as the test, so that its memory tells something; the other is killed now and
/// then. They share Kafka, and every fault of it.
pub async fn everything_at_once(world: &mut World) {
    let Some(length) = wanted() else {
        println!("      not run: `cargo xtask soak` runs it, and `cargo xtask test --long`");
        return;
    };
    let options = options(world);
    let lasting = world.relay_with("soak-lasting", &options).await;
    let mut mortal = world.relay_with("soak-mortal", &options).await;
    for relay in [&lasting, &mortal] {
        wait_until_delivering(relay).await;
    }
    let crowds = [&lasting, &mortal].map(|relay| Crowd::start_at_pace(relay, VISITORS, PACE));
    let batches = Batches::start(&lasting);
    let nuisance = Nuisance::start(&lasting);
    let mut footprint = Footprint::default();

    let start = Instant::now();
    let mut faults = 0;
    // Each at least once, however short it is.
    while start.elapsed() < length || faults < FAULTS.len() {
        let fault = FAULTS[faults % FAULTS.len()];
        println!("      {fault:?} at {} s", start.elapsed().as_secs());
        strike(fault, world, &mut mortal, &options, &crowds).await;
        faults += 1;
        let warming_up = faults <= FAULTS.len() || start.elapsed() < length / 2;
        footprint.note(warming_up, &lasting);
        let calm = Duration::from_millis(fastrand::u64(0..CALM.as_millis() as u64));
        tokio::time::sleep(calm).await;
        footprint.note(warming_up, &lasting);
    }
    let nuisances = nuisance.end().await;
    println!("      {faults} faults in {} s; {nuisances}", start.elapsed().as_secs());

    let mut acknowledged = batches.end().await;
    let (mut in_store, mut requests) = (0, acknowledged.len());
    for crowd in crowds {
        in_store += crowd.seen_in_store();
        let outcome = crowd.end().await;
        requests += outcome.acknowledged.len();
        acknowledged.extend(outcome.acknowledged);
    }
    for relay in [&lasting, &mortal] {
        wait_until_delivering(relay).await;
    }
    footprint.assert_bounded(&lasting, requests);
    for relay in [&lasting, &mortal] {
        bounds::assert_files_bounded(relay, faults, requests);
    }
    println!("      {in_store} events of the crowds were in a store first");
    topic::assert_in_order(&world.messages(), &acknowledged);
    world.settle(&mortal, acknowledged).await;
    for relay in [&lasting, &mortal] {
        live::numbers_are_exact(relay, world.ledger()).await;
    }
}

/// The relay's options as an operator would have them: limits as they are, an ordinary log.
fn options(world: &World) -> Vec<String> {
    let kafka = format!("--kafka-service-uri={}", world.stack.kafka.bootstrap());
    let registry = format!("--schema-registry-uri={}", world.stack.registry.url());
    vec![kafka, registry, "--trusted-proxies=127.0.0.1/32".to_owned()]
}

/// Lets it go wrong while all go on, and waits until events are acknowledged by Kafka again.
async fn strike(
    fault: Fault,
    world: &mut World,
    mortal: &mut Relay,
    options: &[String],
    crowds: &[Crowd; 2],
) {
    let diverted = async || {
        for crowd in crowds {
            crowd.wait_for_store(20).await;
        }
    };
    match fault {
        Fault::RelayKilled => {
            mortal.kill();
            e2e::assert_sound(&mortal.store_file());
            mortal.start_again(&words(options)).await;
        }
        Fault::RelayStopped => {
            mortal.stop();
            mortal.start_again(&words(options)).await;
        }
        Fault::KafkaKilled => {
            block_in_place(|| world.stack.kafka.kill()).unwrap();
            diverted().await;
            block_in_place(|| world.stack.kafka.restart()).unwrap();
        }
        Fault::KafkaStopped => {
            block_in_place(|| world.stack.kafka.stop()).unwrap();
            diverted().await;
            block_in_place(|| world.stack.kafka.restart()).unwrap();
        }
        Fault::KafkaPaused => {
            world.stack.kafka.pause().unwrap();
            diverted().await;
            world.stack.kafka.resume().unwrap();
        }
    }
    for crowd in crowds {
        crowd.wait_for_kafka(20).await;
    }
}
