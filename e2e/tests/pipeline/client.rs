//! Pages, as the relay sees them: requests with events.

use e2e::{Relay, until};
use reqwest::{Client, StatusCode};
use schemas::{Action, Event, EventBatch, Receipt, Timestamp, Uuid};
use serde_json::Value;

/// A session with so many presses, as a page sends it.
pub fn session(presses: u64, cohort: Option<i32>) -> EventBatch {
    let mut events = vec![event(0, Action::EnterPage)];
    events.extend((1..=presses).map(|count| event(count, Action::PressButton)));
    events.push(event(presses + 1, Action::ExitPage));
    EventBatch { session_id: Uuid::new_v4(), cohort, events }
}

/// An event at a time of its own.
pub fn event(count: u64, action: Action) -> Event {
    let timestamp = Timestamp::from_micros(1_741_343_626_754_240 + count as i64 * 350_001).unwrap();
    Event { timestamp, action, count }
}

/// Posts the events and gives the receipt, which must accept them all.
pub async fn post(relay: &Relay, batch: &EventBatch, forwarded_for: Option<&str>) -> Receipt {
    let receipt = try_post(&Client::new(), &relay.url(), batch, forwarded_for).await.unwrap();
    let counts: Vec<_> = batch.events.iter().map(|event| event.count).collect();
    assert_eq!(receipt.accepted, counts);
    assert_eq!(receipt.session_id, batch.session_id);
    receipt
}

/// Why there is no receipt.
#[derive(Debug)]
pub enum Failure {
    /// There was no answer: nobody listens, or whoever did is gone.
    NoAnswer,
    /// The relay answered something else.
    Refused { status: StatusCode, retry_after: Option<String>, body: String },
}

/// Posts the events.
pub async fn try_post(
    client: &Client,
    relay: &str,
    batch: &EventBatch,
    forwarded_for: Option<&str>,
) -> Result<Receipt, Failure> {
    let no_answer = |_: reqwest::Error| Failure::NoAnswer;
    let mut request = client
        .post(format!("{relay}/api/events"))
        .header("content-type", "text/plain;charset=utf-8")
        .body(serde_json::to_string(batch).unwrap());
    if let Some(forwarded_for) = forwarded_for {
        request = request.header("x-forwarded-for", forwarded_for);
    }
    let response = request.send().await.map_err(no_answer)?;
    let status = response.status();
    let retry_after = response.headers().get("retry-after").cloned();
    let body = response.text().await.map_err(no_answer)?;
    if status != 200 {
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        return Err(Failure::Refused { status, retry_after, body });
    }
    Ok(serde_json::from_str(&body).unwrap())
}

/// Waits until the relay sends events straight to Kafka.
pub async fn wait_until_delivering(relay: &Relay) {
    wait_for_state(relay, "delivering", "").await;
}

/// Waits until the relay says that it is so with Kafka, with these words in the reason; gives all
/// that `/readyz` says.
pub async fn wait_for_state(relay: &Relay, state: &str, reason: &str) -> Value {
    until(&format!("the relay to be {state} ({reason})"), async || {
        let readiness = readiness(relay).await?;
        let kafka = &readiness["kafka"];
        let said = kafka["reason"].as_str().unwrap_or_default();
        if kafka["state"] == state && said.contains(reason) {
            Ok(readiness)
        } else {
            Err(readiness.to_string())
        }
    })
    .await
}

/// The answer of `/readyz`.
pub async fn readiness(relay: &Relay) -> Result<Value, String> {
    let answer = reqwest::get(format!("{}/readyz", relay.management_url())).await;
    answer.map_err(|error| error.to_string())?.json().await.map_err(|error| error.to_string())
}
