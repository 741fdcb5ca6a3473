//! A load: visitors who press all the time, and keep account of what was acknowledged.

use crate::{
    client::{self, Failure},
    world::Ledger,
};
use e2e::{Relay, is_long, until};
use reqwest::Client;
use schemas::{Action, EventBatch, Uuid};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Between two events of a visitor, in the long form.
pub const SHORT_PAUSE: Duration = Duration::from_millis(10);

/// The same in every run: beside other tests more events would only take longer.
const PAUSE: Duration = Duration::from_millis(60);

/// Before the same event is sent again.
const RETRY: Duration = Duration::from_millis(20);

/// Events of a session. A page sends what has gathered together; here it is one at a time.
const SESSION: u64 = 40;

/// Visitors, each in a session of their own, then in the next. They go on to the next event when the
/// last one is acknowledged, and send the same one again when it is not, as a page does.
pub struct Crowd {
    seen: Arc<Seen>,
    visitors: JoinSet<Ledger>,
}

/// What the visitors have seen so far.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    in_store: AtomicUsize,
    in_kafka: AtomicUsize,
    no_answer: AtomicUsize,
    unavailable: AtomicUsize,
    slowest_micros: AtomicU64,
}

/// What became of a crowd's events.
pub struct Outcome {
    /// Every event that was acknowledged, and no other was sent.
    pub acknowledged: Ledger,
    /// Requests that had no answer.
    pub no_answer: usize,
    /// Requests that were refused with 503.
    pub unavailable: usize,
    /// The longest that a visitor waited for an answer.
    pub slowest: Duration,
}

impl Crowd {
    /// Starts so many visitors.
    pub fn start(relay: &Relay, visitors: usize) -> Self {
        Self::start_at_pace(relay, visitors, if is_long() { SHORT_PAUSE } else { PAUSE })
    }

    /// As [`Crowd::start`], with this pause between two events of a visitor.
    pub fn start_at_pace(relay: &Relay, visitors: usize, pause: Duration) -> Self {
        let mut crowd = Self { seen: Arc::default(), visitors: JoinSet::new() };
        for _ in 0..visitors {
            crowd.visitors.spawn(visit(relay.url(), pause, crowd.seen.clone()));
        }
        crowd
    }

    /// Waits until so many more events have been acknowledged as being in Kafka.
    pub async fn wait_for_kafka(&self, more: usize) {
        wait_for(&self.seen.in_kafka, more, "acknowledged by Kafka").await;
    }

    /// Waits until so many more events have been acknowledged as being in the store.
    pub async fn wait_for_store(&self, more: usize) {
        wait_for(&self.seen.in_store, more, "acknowledged by the store").await;
    }

    /// Waits until so many more requests have been refused with 503.
    pub async fn wait_for_unavailable(&self, more: usize) {
        wait_for(&self.seen.unavailable, more, "refused").await;
    }

    /// How many events were acknowledged as being in the store, so far.
    pub fn seen_in_store(&self) -> usize {
        self.seen.in_store.load(Relaxed)
    }

    /// How many events were acknowledged as being in Kafka, so far.
    pub fn seen_in_kafka(&self) -> usize {
        self.seen.in_kafka.load(Relaxed)
    }

    /// The longest that a visitor has waited for an answer since this was asked last.
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.seen.slowest_micros.swap(0, Relaxed))
    }

    /// Sends them home. They leave when their last event is acknowledged, so that no event is in
    /// doubt.
    pub async fn end(self) -> Outcome {
        self.seen.stop.store(true, Relaxed);
        let ledgers = self.visitors.join_all().await;
        Outcome {
            acknowledged: ledgers.into_iter().flatten().collect(),
            no_answer: self.seen.no_answer.load(Relaxed),
            unavailable: self.seen.unavailable.load(Relaxed),
            slowest: Duration::from_micros(self.seen.slowest_micros.load(Relaxed)),
        }
    }
}

async fn visit(relay: String, pause: Duration, seen: Arc<Seen>) -> Ledger {
    // A client of its own each, as making one takes longer than a request.
    let client = Client::new();
    let mut ledger = Ledger::new();
    let mut session = Uuid::new_v4();
    let mut count = 0;
    while !seen.stop.load(Relaxed) {
        let action = match count {
            0 => Action::EnterPage,
            _ if count + 1 == SESSION => Action::ExitPage,
            _ => Action::PressButton,
        };
        let event = client::event(count, action);
        let batch = EventBatch { session_id: session, cohort: None, events: vec![event] };
        send(&client, &relay, &batch, &seen).await;
        ledger.insert((session, count), event);
        count += 1;
        if count == SESSION {
            (session, count) = (Uuid::new_v4(), 0);
        }
        tokio::time::sleep(pause).await;
    }
    ledger
}

/// Sends it until it is acknowledged.
async fn send(client: &Client, relay: &str, batch: &EventBatch, seen: &Seen) {
    loop {
        let start = Instant::now();
        let answer = client::try_post(client, relay, batch, None).await;
        let took = u64::try_from(start.elapsed().as_micros()).unwrap();
        seen.slowest_micros.fetch_max(took, Relaxed);
        match answer {
            Ok(receipt) => {
                assert_eq!(receipt.accepted, [batch.events[0].count]);
                let counter = match receipt.durable_in.as_str() {
                    "kafka" => &seen.in_kafka,
                    _ => &seen.in_store,
                };
                counter.fetch_add(1, Relaxed);
                return;
            }
            Err(Failure::NoAnswer) => seen.no_answer.fetch_add(1, Relaxed),
            Err(Failure::Refused { status, retry_after, body }) => {
                assert_eq!(status, 503, "{body}");
                assert!(retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
                seen.unavailable.fetch_add(1, Relaxed)
            }
        };
        tokio::time::sleep(RETRY).await;
    }
}

async fn wait_for(counter: &AtomicUsize, more: usize, what: &str) {
    let goal = counter.load(Relaxed) + more;
    until(&format!("{more} events {what}"), async || match counter.load(Relaxed) {
        now if now >= goal => Ok(()),
        now => Err(format!("{} to go", goal - now)),
    })
    .await;
}
