//! The live numbers of a relay without Kafka: as a snapshot and as a stream, for one viewer and for a
//! thousand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod viewers;

use e2e::{PATIENCE, Relay, small_geo, until};
use reqwest::Client;
use schemas::{Action, Event, EventBatch, Timestamp, Uuid};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
    stats_for(relay, "", "127.0.0.1").await
}

/// As somebody at this address gets them, who asks with this query.
async fn stats_for(relay: &Relay, query: &str, visitor: &str) -> Value {
    let get = Client::new().get(format!("{}/api/stats{query}", relay.url()));
    let answer = get.header("x-forwarded-for", visitor).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
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
        Self::open_for(relay, "", "127.0.0.1").await
    }

    /// As somebody at this address opens it, who asks with this query.
    async fn open_for(relay: &Relay, query: &str, visitor: &str) -> Self {
        let get = Client::new().get(format!("{}/api/live{query}", relay.url()));
        let answer = get.header("x-forwarded-for", visitor).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Self { answer, text: String::new() }
    }

    /// The next numbers of everybody; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        self.next_with("data: ").await
    }

    /// The next that is told to this viewer alone.
    async fn next_own(&mut self) -> Value {
        self.next_with("event: you\ndata: ").await.expect("the stream goes on")
    }

    /// The data of the next event that begins so; `None` when the stream has ended.
    async fn next_with(&mut self, beginning: &str) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.strip_prefix(beginning).map(str::to_owned);
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
    let options = [
        "--trusted-proxies",
        "127.0.0.1",
        "--geo-database",
        geo.to_str().unwrap(),
        "--live-min-visits",
        "1",
    ];
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
async fn place_is_named_from_three_visits_on_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let options = ["--trusted-proxies", "127.0.0.1", "--geo-database", geo.to_str().unwrap()];
    let mut relay = Relay::start(&folder.path().join("relay"), &options).await;
    let mut stream = Stream::open(&relay).await;
    for visits in 1..=2 {
        // A visit, and the same again, which is none.
        let visit = visit(4);
        post(&relay, &visit, small_geo::KNOWN_V4).await;
        post(&relay, &visit, small_geo::KNOWN_V4).await;
        let seen = stats_with(&relay, visits * 4).await;
        let streamed = stream.wait_for(visits * 4).await;
        for text in [seen.to_string(), streamed.to_string()] {
            assert!(text.contains(r#""country_name":"Sweden""#), "{text}");
            assert!(!text.contains("Säffle") && !text.contains("59.1"), "{text}");
        }
    }
    relay.kill();
    relay.start_again(&options).await;
    let again = stats_with(&relay, 8).await.to_string();
    assert!(!again.contains("Säffle"), "{again}");

    post(&relay, &visit(1), small_geo::KNOWN_V4).await;
    let seen = stats_with(&relay, 9).await;
    assert_eq!(
        (&seen["places"][0]["city_name"], &seen["places"][0]["presses"]),
        (&json!("Säffle"), &9.into())
    );
    let latest = seen["latest"].as_array().unwrap();
    assert_eq!(latest.len(), 9);
    for press in latest {
        assert_eq!(press["city_name"], "Säffle");
        assert!(press["received_at"].as_str().unwrap().ends_with(".000000+00:00"), "{press}");
    }
    assert!(seen["at"].as_str().unwrap().ends_with(".000000+00:00"), "{seen}");
    relay.kill();
    relay.start_again(&options).await;
    let again = stats_with(&relay, 9).await;
    for number in ["countries", "places", "latest", "min_visits"] {
        assert_eq!(again[number], seen[number], "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewer_gets_the_country_and_no_numbers_of_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let options = ["--trusted-proxies", "127.0.0.1", "--geo-database", geo.to_str().unwrap()];
    let relay = Relay::start(&folder.path().join("relay"), &options).await;
    let sweden = json!({"country_code": "SE", "country_name": "Sweden"});
    let local = json!({"country_code": "--", "country_name": "Localhost"});
    let own = visit(3);
    post(&relay, &own, small_geo::KNOWN_V4).await;
    stats_with(&relay, 3).await;
    // The parameter of earlier pages changes nothing.
    for query in [String::new(), format!("?session={}", own.session_id), "?session=me".to_owned()] {
        assert_eq!(stats_for(&relay, &query, small_geo::KNOWN_V4).await["you"], sweden, "{query}");
        assert_eq!(stats_for(&relay, &query, "127.0.0.1").await["you"], local, "{query}");
        let mut stream = Stream::open_for(&relay, &query, small_geo::KNOWN_V4).await;
        assert_eq!(stream.next_own().await, sweden, "{query}");
        // The country's numbers are among everybody's.
        let all = stream.wait_for(3).await;
        let country = json!({"code": "SE", "name": "Sweden", "presses": 3, "last_hour": 3});
        assert_eq!(all["countries"], json!([country]));
        assert!(all["you"].is_null());
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
