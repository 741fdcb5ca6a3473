//! How long a press takes from the finger in one browser to the number on the screen of another.
//!
//! In every run, with a real Kafka in between, in Chromium: each press arrives, and the visit is in the topic
//! as a whole. How long it takes is printed, and asserted in the long form.
//!
//! Without Kafka, in three engines, it is a statistic, which needs a processor without other work: `cargo
//! xtask test --long` runs it, alone, and one engine after the other. In every run,
//! `a_press_in_one_window_is_seen_in_another` (`live_page/numbers.rs`) tests in all three engines that a press
//! arrives in the other window, and `presses_are_seen_at_once_and_after_a_restart` (`live/main.rs`) that the
//! relay's stream has it within 5 s.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::{
    Engine, PRESSES, Relay, Servers, assert_whole_visit, button, dist, measure_presses, until,
};
use local_stack::Topic;
use schemas::Event;
use serde_json::Value;
use std::process::Command;

/// A topic of its own, as other tests write to the product's.
const TOPIC: &str = "watched_button_presses";

#[tokio::test(flavor = "multi_thread")]
async fn presses_go_through_kafka_to_the_screen_of_another() {
    if !Engine::Chromium.is_wanted("presses_go_through_kafka_to_the_screen_of_another") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start();
    let topic = Topic { name: TOPIC.to_owned(), ..Topic::button_presses() };
    servers.kafka().create_topic(&topic).unwrap();
    let (kafka, registry) = (servers.kafka().bootstrap(), servers.registry().url());
    let kafka = ["--kafka-service-uri", &kafka, "--schema-registry-uri", &registry];
    let kafka = [&kafka[..], &["--topic", TOPIC]].concat();
    let dist = dist();
    let page = ["--static-dir", dist.to_str().unwrap()];
    let relay = Relay::start(folder.path(), &[&kafka[..], &page].concat()).await;
    until("the relay to deliver", async || {
        let answer = reqwest::get(format!("{}/readyz", relay.management_url())).await;
        let state: Value = answer.unwrap().json().await.unwrap();
        if state["kafka"]["state"] == "delivering" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    measure_presses(Engine::Chromium, &relay.url(), 0).await;
    let visit = until("the visit in the topic", async || {
        let events = events_in_topic(&kafka);
        if events.len() == PRESSES + 2 { Ok(events) } else { Err(format!("{events:?}")) }
    })
    .await;
    assert_whole_visit(&visit, PRESSES as u64);
}

/// All events in the topic, in the order of their counts.
fn events_in_topic(kafka: &[&str]) -> Vec<Event> {
    let tail = ["tail", "--json", "--from-beginning", "--to-end"];
    let output = Command::new(button()).args(tail).args(kafka).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let event = |line: &str| -> Event {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let mut field = |name: &str| event[name].take();
        Event {
            timestamp: serde_json::from_value(field("timestamp")).unwrap(),
            action: serde_json::from_value(field("action")).unwrap(),
            count: serde_json::from_value(field("count")).unwrap(),
        }
    };
    let mut events: Vec<_> = lines.lines().map(event).collect();
    events.sort_by_key(|event| event.count);
    events
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a statistic: `cargo xtask test --long` runs it"]
async fn a_press_is_on_every_open_screen_at_once() {
    for engine in Engine::ALL {
        if engine.is_wanted("a_press_is_on_every_open_screen_at_once") {
            let folder = tempfile::tempdir().unwrap();
            let dist = dist();
            let options = ["--static-dir", dist.to_str().unwrap()];
            let relay = Relay::start(folder.path(), &options).await;
            measure_presses(engine, &relay.url(), 0).await;
        }
    }
}
