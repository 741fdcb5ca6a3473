//! The log: lines that programs can read, and none that come with each event.

use e2e::{Relay, press, until};
use reqwest::Client;
use schemas::{Timestamp, Uuid};
use serde_json::Value;
use std::fs;

/// When the visitors press, in microseconds since 1970.
const DAY: i64 = 1_741_343_626_754_240;

async fn post(relay: &Relay, body: String) -> u16 {
    let post = Client::new().post(format!("{}/api/events", relay.url())).body(body);
    post.send().await.unwrap().status().as_u16()
}

/// The lines of a log in JSON, each of which has what collectors of logs sort by.
fn lines(log: &str) -> Vec<Value> {
    let read = |line: &str| -> Value {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let text = |name: &str| object[name].as_str().unwrap_or_else(|| panic!("{name}: {line}"));
        assert!(Timestamp::parse(text("timestamp")).is_some(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text("level")), "{line}");
        assert!(!text("target").is_empty() && !text("message").is_empty(), "{line}");
        object
    };
    log.lines().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_log_in_json_is_an_object() {
    let folder = tempfile::tempdir().unwrap();
    // A Kafka that nobody can reach has much to complain about, in librdkafka's words too.
    let options = [
        "--log-format=json",
        "--log=trace",
        "--kafka-service-uri=127.0.0.1:1",
        "--schema-registry-uri=http://127.0.0.1:1",
    ];
    let mut relay = Relay::start(folder.path(), &options).await;
    let good = serde_json::to_string(&press(Uuid::new_v4(), 1, DAY)).unwrap();
    assert_eq!(post(&relay, good).await, 200);
    assert_eq!(post(&relay, "what?".to_owned()).await, 400);
    until("a line about Kafka", async || {
        let log = fs::read_to_string(relay.log_file()).unwrap();
        let about_kafka = log.lines().any(|line| line.contains("librdkafka"));
        if about_kafka { Ok(()) } else { Err(log) }
    })
    .await;
    relay.stop();
    let found = lines(&fs::read_to_string(relay.log_file()).unwrap());
    assert!(found.iter().any(|line| line["message"] == "stopped"), "{found:?}");
}

#[test]
fn why_a_relay_does_not_start_is_an_object_too() {
    let folder = tempfile::tempdir().unwrap();
    let said = Relay::refusal(folder.path(), &["--log-format=json", "--static-dir=."]);
    let found = lines(&said);
    assert_eq!(found.len(), 1, "{said}");
    assert_eq!(found[0]["level"], "ERROR");
    assert!(found[0]["message"].as_str().unwrap().contains("cargo xtask page"), "{said}");
}

/// A log that grows with the visitors fills the disk on the best day of all.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_has_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    assert_eq!(post(&relay, "{}".to_owned()).await, 400);
    let before = fs::read_to_string(relay.log_file()).unwrap();
    for count in 0..100 {
        let body = press(Uuid::from_u128(count / 10), u64::try_from(count).unwrap(), DAY);
        assert_eq!(post(&relay, serde_json::to_string(&body).unwrap()).await, 200);
    }
    // Those who look at the numbers have seen them all, so nobody is still at work on one.
    until("the live numbers", async || {
        let stats = reqwest::get(format!("{}/api/stats", relay.url())).await.unwrap();
        let stats: Value = stats.json().await.unwrap();
        if stats["presses"] == 100 { Ok(()) } else { Err(stats.to_string()) }
    })
    .await;
    assert_eq!(fs::read_to_string(relay.log_file()).unwrap(), before);
}
