//! Pages, as the relay sees them: requests with events.

use e2e::{Relay, until};
use reqwest::Client;
use schemas::{Action, Event, EventBatch, Receipt, Timestamp, Uuid};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A session with so many presses, as a page sends it.
pub fn session(presses: u64, cohort: Option<i32>) -> EventBatch {
    let event = |count, action| Event {
        timestamp: Timestamp::from_micros(1_741_343_626_754_240 + count as i64 * 350_001).unwrap(),
        action,
        count,
    };
    let mut events = vec![event(0, Action::EnterPage)];
    events.extend((1..=presses).map(|count| event(count, Action::PressButton)));
    events.push(event(presses + 1, Action::ExitPage));
    EventBatch { session_id: Uuid::new_v4(), cohort, events }
}

/// Posts the events and gives the receipt, which must accept them all.
pub async fn post(relay: &Relay, batch: &EventBatch, forwarded_for: Option<&str>) -> Receipt {
    let receipt = try_post(&Client::new(), &relay.url(), batch, forwarded_for).await.unwrap();
    let counts: Vec<_> = batch.events.iter().map(|event| event.count).collect();
    assert_eq!(receipt.accepted, counts);
    assert_eq!(receipt.session_id, batch.session_id);
    receipt
}

async fn try_post(
    client: &Client,
    relay: &str,
    batch: &EventBatch,
    forwarded_for: Option<&str>,
) -> Result<Receipt, String> {
    let mut request = client
        .post(format!("{relay}/api/events"))
        .header("content-type", "text/plain;charset=utf-8")
        .body(serde_json::to_string(batch).unwrap());
    if let Some(forwarded_for) = forwarded_for {
        request = request.header("x-forwarded-for", forwarded_for);
    }
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.text().await.map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(format!("{status}: {body}"));
    }
    Ok(serde_json::from_str(&body).unwrap())
}

/// Waits until the relay sends events straight to Kafka.
pub async fn wait_until_delivering(relay: &Relay) {
    until("the relay to deliver to Kafka", async || {
        let state = readiness(relay).await?;
        if state["kafka"]["state"] == "delivering" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
}

/// The answer of `/readyz`.
pub async fn readiness(relay: &Relay) -> Result<Value, String> {
    let answer = reqwest::get(format!("{}/readyz", relay.url())).await;
    answer.map_err(|error| error.to_string())?.json().await.map_err(|error| error.to_string())
}

/// Visitors who press all the time, each in a session of their own, and go on to the next press
/// when the last one is acknowledged.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    in_store: Arc<AtomicUsize>,
    in_kafka: Arc<AtomicUsize>,
    visitors: tokio::task::JoinSet<(Uuid, u64)>,
}

impl Crowd {
    /// Starts them.
    pub fn start(relay: &Relay, visitors: usize) -> Self {
        let mut crowd = Self {
            stop: Arc::default(),
            in_store: Arc::default(),
            in_kafka: Arc::default(),
            visitors: tokio::task::JoinSet::new(),
        };
        for _ in 0..visitors {
            let url = relay.url();
            let (stop, in_store, in_kafka) =
                (crowd.stop.clone(), crowd.in_store.clone(), crowd.in_kafka.clone());
            crowd.visitors.spawn(async move {
                // A client of its own each, as making one takes longer than a request.
                let client = Client::new();
                let session = Uuid::new_v4();
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let batch = e2e::press(session, count, 1_741_343_626_754_240);
                    // A failure acknowledges nothing: the same press is sent again, as a page does.
                    let Ok(receipt) = try_post(&client, &url, &batch, None).await else {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        continue;
                    };
                    match receipt.durable_in.as_str() {
                        "kafka" => in_kafka.fetch_add(1, Ordering::Relaxed),
                        _ => in_store.fetch_add(1, Ordering::Relaxed),
                    };
                    count += 1;
                }
                (session, count)
            });
        }
        crowd
    }

    /// Waits until so many more presses have been acknowledged as being in Kafka.
    pub async fn wait_for_kafka(&self, more: usize) {
        wait_for(&self.in_kafka, more, "acknowledged by Kafka").await;
    }

    /// Waits until so many more presses have been acknowledged as being in the store.
    pub async fn wait_for_store(&self, more: usize) {
        wait_for(&self.in_store, more, "acknowledged by the store").await;
    }

    /// Sends them home, and gives how many presses of each session were acknowledged.
    pub async fn end(self) -> Vec<(Uuid, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.visitors.join_all().await
    }
}

async fn wait_for(counter: &AtomicUsize, more: usize, what: &str) {
    let goal = counter.load(Ordering::Relaxed) + more;
    until(&format!("{more} presses {what}"), async || match counter.load(Ordering::Relaxed) {
        now if now >= goal => Ok(()),
        now => Err(format!("{} to go", goal - now)),
    })
    .await;
}
