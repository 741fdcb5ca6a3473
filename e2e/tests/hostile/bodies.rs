//! Bodies of every size, and JSON that is none or not ours. What can be taken is, what cannot is told
//! why, and none of it is the relay's fault.

use crate::metric;
use e2e::Relay;
use reqwest::Client;
use schemas::{Problem, Receipt, Uuid};
use serde_json::{Value, json};

const TIME: &str = "2025-03-07T10:33:46.754240+00:00";

fn event(count: u64) -> Value {
    json!({"timestamp": TIME, "action": "PressButton", "count": count})
}

/// A body with these events, as they stand.
fn with_events(session: Uuid, events: &str) -> String {
    format!(r#"{{"session_id":"{session}","events":[{events}]}}"#)
}

struct Poster {
    client: Client,
    url: String,
}

impl Poster {
    fn new(relay: &Relay) -> Self {
        Self { client: Client::new(), url: format!("{}/api/events", relay.url()) }
    }

    /// The receipt of a body that is taken.
    async fn taken(&self, body: impl Into<reqwest::Body>) -> Receipt {
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    /// Sends what is longer than the relay listens to: the answer may be lost with the connection, but
    /// it is no other.
    async fn cut_or_too_large(&self, body: String) {
        if let Ok(answer) = self.client.post(&self.url).body(body).send().await {
            assert_eq!(answer.status(), 413);
        }
    }

    /// The status of a body that is not, which is told why.
    async fn refused(&self, body: impl Into<reqwest::Body>) -> u16 {
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        assert_ne!(status, 200);
        let problem: Problem = answer.json().await.unwrap();
        assert_eq!(problem.status, status);
        assert!(problem.detail.len() > 20 && problem.detail.len() < 1000, "{problem:?}");
        status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_size_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let poster = Poster::new(&relay);
    let before = relay.resident_bytes();
    for length in [0, 1, 2, 100, 4095, 4096, 4097, 65_535, 65_536] {
        assert_eq!(poster.refused("x".repeat(length)).await, 400, "{length}");
        // Spaces are no part of JSON.
        let body = with_events(Uuid::new_v4(), &event(0).to_string());
        if length > body.len() {
            let padded = [body.clone(), " ".repeat(length - body.len())].concat();
            assert_eq!(poster.taken(padded).await.accepted, [0], "{length}");
        }
    }
    for length in [65_537, 100_000, 1_000_000] {
        assert_eq!(poster.refused(" ".repeat(length)).await, 413, "{length}");
    }
    poster.cut_or_too_large(" ".repeat(100_000_000)).await;
    let more = relay.resident_bytes().saturating_sub(before);
    assert!(more < 32 << 20, "{} MB more", more >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_events_as_fit_are_taken_and_more_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    // More of what are no events than a new session may send.
    let relay = Relay::start(folder.path(), &["--session-events=0"]).await;
    let poster = Poster::new(&relay);
    let list = |how_many: u64| {
        (0..how_many).map(|count| event(count).to_string()).collect::<Vec<_>>().join(",")
    };
    let receipt = poster.taken(with_events(Uuid::new_v4(), &list(700))).await;
    assert_eq!(receipt.accepted, (0..700).collect::<Vec<_>>());
    assert_eq!(poster.refused(with_events(Uuid::new_v4(), &list(1000))).await, 413);
    poster.cut_or_too_large(with_events(Uuid::new_v4(), &list(100_000))).await;
    let zeros = |how_many| with_events(Uuid::new_v4(), &vec!["0"; how_many].join(","));
    // The first of them are listed: the response is no longer than five times the request.
    let many = zeros(2000);
    let request = many.len();
    let receipt = poster.taken(many).await;
    let response = serde_json::to_string(&receipt).unwrap().len();
    assert!(
        receipt.rejected.len() > 50 && response < 5 * request,
        "{response} bytes for {request}"
    );
    assert_eq!(poster.refused(zeros(2001)).await, 413);
    assert_eq!(poster.refused(zeros(30_000)).await, 413);
    assert_eq!(poster.refused(zeros(100_000)).await, 413);
    assert_eq!(relay.stored().len(), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_batch_is_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let poster = Poster::new(&relay);
    let good = with_events(Uuid::new_v4(), &event(0).to_string());
    let session = Uuid::new_v4();
    for body in [
        good.replacen('{', "{\"session_id\":\"x\",", 1),
        good.replacen('{', "{\"events\":[],", 1),
        good.replacen('{', "{\"cohort\":1e400,", 1),
        good.replacen('{', "{\"cohort\":1.5,", 1),
        good.replacen('{', "{\"cohort\":2147483648,", 1),
        good.replacen('{', "{\"cohort\":1,\"cohort\":1,", 1),
        good.replacen('{', "{\"x\":\"\\ud800\"", 1),
        format!("{good}{good}"),
        format!("{good},"),
        format!("[{good}]"),
        format!("\u{feff}{good}"),
        good.replace('"', "'"),
        good.replace("]}", "],}"),
        good.replace(']', ""),
        format!("[\"{session}\",null,[]]"),
        format!("{{\"x\":{}", "[".repeat(60_000)),
        format!("{{\"session_id\":{}1{}}}", "{\"x\":".repeat(9000), "}".repeat(9000)),
        "nan".to_owned(),
        "\0".to_owned(),
    ] {
        let shown: String = body.chars().take(80).collect();
        assert_eq!(poster.refused(body).await, 400, "{shown}");
    }
    let mut broken = good.clone().into_bytes();
    for byte in [0xff, 0xc0, 0x80, 0xed] {
        broken[20] = byte;
        assert_eq!(poster.refused(broken.clone()).await, 400);
        let mut unknown = format!("{{\"x\":\"?\",{}", &good[1..]).into_bytes();
        unknown[6] = byte;
        assert_eq!(poster.refused(unknown).await, 400);
    }
    assert_eq!(relay.stored().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_event_is_rejected_alone() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let poster = Poster::new(&relay);
    let count =
        |count: &str| format!(r#"{{"timestamp":"{TIME}","action":"ExitPage","count":{count}}}"#);
    let mut bad: Vec<String> = [
        "10000000",
        "9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "-0",
        "1e400",
        "1e3",
        "1.0",
        "\"1\"",
        "null",
        "[1]",
        "true",
    ]
    .map(count)
    .into();
    bad.push(format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)));
    bad.push(count("5").replacen('{', "{\"count\":5,", 1));
    bad.push(count("5").replace("ExitPage", "ExitPage\\u0000"));
    bad.push(count("5").replace("2025", "+2025"));
    bad.push(count("5").replace(TIME, "2025-02-30T00:00:00Z"));
    bad.push(count("5").replace(TIME, &"9".repeat(10_000)));
    for (first, second) in [(0, schemas::MAX_COUNT), (7, 8)] {
        let session = Uuid::new_v4();
        let events = format!("{},{},{}", event(first), bad.join(","), event(second));
        let receipt = poster.taken(with_events(session, &events)).await;
        assert_eq!(receipt.accepted, [first, second]);
        let indexes: Vec<usize> = receipt.rejected.iter().map(|rejected| rejected.index).collect();
        assert_eq!(indexes, (1..=bad.len()).collect::<Vec<_>>());
    }
    assert_eq!(relay.stored().len(), 4);
}

/// A newer page may say more than an older relay knows; the numbers tell that it does.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let poster = Poster::new(&relay);
    let name = "kafka_button_unknown_fields_total";
    poster.taken(with_events(Uuid::new_v4(), &event(0).to_string())).await;
    assert_eq!(metric(&relay, name).await, 0);
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let new = event(1).to_string().replacen('{', "{\"mood\":[\"é\",{}],", 1);
    let body = with_events(Uuid::new_v4(), &format!("{new},{},{new}", event(2)));
    let receipt = poster.taken(body.replacen('{', &format!("{{\"deep\":{deep},"), 1)).await;
    assert_eq!(receipt.accepted, [1, 2, 1]);
    // The body, and two events.
    assert_eq!(metric(&relay, name).await, 3);
}
