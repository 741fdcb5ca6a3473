//! The live numbers of a relay without Kafka: as a snapshot and as a stream.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use e2e::{PATIENCE, Relay, small_geo, until};
use reqwest::Client;
use schemas::{Action, Event, EventBatch, Timestamp, Uuid};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// A visit with so many presses.
fn visit(presses: u64) -> EventBatch {
    let timestamp = Timestamp::from_micros(1_741_343_626_754_240).unwrap();
    let event = |count, action| Event { timestamp, action, count };
    let mut events = vec![event(0, Action::EnterPage)];
    events.extend((1..=presses).map(|count| event(count, Action::PressButton)));
    events.push(event(presses + 1, Action::ExitPage));
    EventBatch { session_id: Uuid::new_v4(), cohort: None, events }
}

async fn post(relay: &Relay, batch: &EventBatch, visitor: &str) {
    let body = serde_json::to_string(batch).unwrap();
    let post = Client::new().post(format!("{}/api/events", relay.url())).body(body);
    assert_eq!(post.header("x-forwarded-for", visitor).send().await.unwrap().status(), 200);
}

async fn stats(relay: &Relay) -> Value {
    let answer = reqwest::get(format!("{}/api/stats", relay.url())).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

/// Waits until the numbers know of so many presses.
async fn stats_with(relay: &Relay, presses: u64) -> Value {
    until(&format!("{presses} presses in the numbers"), async || {
        let stats = stats(relay).await;
        let caught_up = stats["catching_up"].is_null();
        if caught_up && stats["presses"] == presses { Ok(stats) } else { Err(stats.to_string()) }
    })
    .await
}

/// A stream, as a browser's EventSource reads it.
struct Stream {
    answer: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(relay: &Relay) -> Self {
        let answer = reqwest::get(format!("{}/api/live", relay.url())).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Self { answer, text: String::new() }
    }

    /// The next event's data; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.strip_prefix("data: ").map(str::to_owned);
                self.text = rest.to_owned();
                match data {
                    Some(data) => return Some(serde_json::from_str(&data).unwrap()),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap();
            self.text += std::str::from_utf8(&chunk.unwrap()?).unwrap();
        }
    }

    /// Waits for an event with so many presses.
    async fn wait_for(&mut self, presses: u64) -> Value {
        loop {
            let stats = self.next().await.expect("the stream goes on");
            if stats["presses"] == presses {
                return stats;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presses_are_seen_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let options = ["--trusted-proxies", "127.0.0.1", "--geo-database", geo.to_str().unwrap()];
    let mut relay = Relay::start(&folder.path().join("relay"), &options).await;
    let empty = stats_with(&relay, 0).await;
    assert_eq!(empty["countries"], Value::Array(Vec::new()));

    let mut stream = Stream::open(&relay).await;
    stream.wait_for(0).await;
    let known = visit(3);
    let start = Instant::now();
    post(&relay, &known, small_geo::KNOWN_V4).await;
    let seen = stream.wait_for(3).await;
    // Far more than it takes; `xtask bench` tells how long that is.
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(seen["countries"][0]["code"], "SE");
    assert_eq!(seen["countries"][0]["last_hour"], 3);
    assert_eq!(seen["places"][0]["city_name"], "Säffle");

    // A repeat changes nothing, an unknown address is elsewhere.
    post(&relay, &known, small_geo::KNOWN_V4).await;
    post(&relay, &visit(2), "10.0.0.1").await;
    let seen = stats_with(&relay, 5).await;
    assert_eq!((&seen["sessions"], &seen["complete_sessions"]), (&2.into(), &2.into()));
    assert_eq!(seen["elsewhere"]["presses"], 2);
    assert_eq!(seen["latest"].as_array().unwrap().len(), 5);
    assert_eq!(seen["latest"][0]["country_name"], "Private Network");
    assert!(
        !seen.to_string().contains(&known.session_id.to_string()),
        "sessions are nobody's business"
    );

    relay.kill();
    relay.start_again(&options).await;
    let again = stats_with(&relay, 5).await;
    for number in ["sessions", "complete_sessions", "countries", "elsewhere", "places", "latest"] {
        assert_eq!(again[number], seen[number], "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_relay_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let mut stream = Stream::open(&relay).await;
    stream.next().await.unwrap();
    let start = Instant::now();
    relay.stop();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    while stream.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    // They ask, and never look at what comes.
    let slow: Vec<_> = (0..50)
        .map(|_| {
            let mut slow = TcpStream::connect(relay.address()).unwrap();
            slow.write_all(b"GET /api/live HTTP/1.1\r\nhost: relay\r\n\r\n").unwrap();
            slow
        })
        .collect();
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(Stream::open(&relay).await);
    }
    let memory = relay.resident_bytes();
    for presses in 1..=30 {
        post(&relay, &visit(1), "127.0.0.1").await;
        for viewer in &mut viewers {
            viewer.wait_for(presses).await;
        }
    }
    let grown = relay.resident_bytes().saturating_sub(memory);
    assert!(grown < 32 << 20, "{} MB more", grown >> 20);
    // They did get an answer, and one that begins at its beginning.
    let mut beginning = [0; 15];
    (&slow[0]).read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200 OK");
}
