//! Visitors who do nothing wrong: each presses at an even pace, and expects a receipt each time.

use e2e::{Relay, press};
use reqwest::{Client, StatusCode};
use schemas::{Receipt, Uuid};
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// Enough of them for a percentile within seconds, too few to be work for the relay.
const VISITORS: usize = 10;

/// Between an answer and the next press.
const PACE: Duration = Duration::from_millis(90);

/// When they press, in microseconds since 1970.
const DAY: i64 = 1_741_343_626_754_240;

/// One of them.
struct Visitor {
    client: Client,
    url: String,
    session: Uuid,
    presses: u64,
}

impl Visitor {
    fn new(relay: &Relay) -> Self {
        let url = format!("{}/api/events", relay.url());
        Self { client: Client::new(), url, session: Uuid::new_v4(), presses: 0 }
    }

    /// Presses once, and gives how many milliseconds the receipt took.
    async fn press(&mut self) -> f64 {
        let body = serde_json::to_string(&press(self.session, self.presses, DAY)).unwrap();
        let start = Instant::now();
        let answer = self.client.post(&self.url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "a visitor who does nothing wrong");
        let receipt: Receipt = answer.json().await.unwrap();
        let took = start.elapsed().as_secs_f64() * 1000.0;
        assert_eq!(receipt.accepted, [self.presses]);
        self.presses += 1;
        took
    }
}

/// All of them.
pub struct Visitors(Vec<Visitor>);

impl Visitors {
    /// They are there, and known: each has pressed once.
    pub async fn arrive(relay: &Relay) -> Self {
        let mut visitors: Vec<_> = (0..VISITORS).map(|_| Visitor::new(relay)).collect();
        for visitor in &mut visitors {
            visitor.press().await;
        }
        Self(visitors)
    }

    /// Each presses so often, at no pace, and every press is answered.
    pub async fn press_each(&mut self, presses: usize) {
        for _ in 0..presses {
            for visitor in &mut self.0 {
                visitor.press().await;
            }
        }
    }

    /// They press while something happens; gives what came of that, and the milliseconds that their
    /// answers took.
    pub async fn press_during<T>(
        &mut self,
        what_happens: impl Future<Output = T>,
    ) -> (T, Vec<f64>) {
        let (stop, stopped) = watch::channel(false);
        let mut pressing = JoinSet::new();
        for (number, mut visitor) in self.0.drain(..).enumerate() {
            let stopped = stopped.clone();
            pressing.spawn(async move {
                sleep(PACE / VISITORS as u32 * number as u32).await;
                let mut took = Vec::new();
                while !*stopped.borrow() {
                    took.push(visitor.press().await);
                    sleep(PACE).await;
                }
                (visitor, took)
            });
        }
        let outcome = what_happens.await;
        stop.send_replace(true);
        let mut times = Vec::new();
        for (visitor, took) in pressing.join_all().await {
            self.0.push(visitor);
            times.extend(took);
        }
        (outcome, times)
    }

    /// Checks that everything of theirs is in the store, once; gives how many events that are.
    pub fn settle(&self, relay: &Relay) -> usize {
        let stored = relay.stored();
        let of_one = |visitor: &Visitor| {
            let own = stored.iter().filter(|row| row.press.session_id == visitor.session);
            let counts: Vec<u64> = own.map(|row| row.press.event.count).collect();
            assert_eq!(counts, (0..visitor.presses).collect::<Vec<_>>());
            counts.len()
        };
        self.0.iter().map(of_one).sum()
    }
}
