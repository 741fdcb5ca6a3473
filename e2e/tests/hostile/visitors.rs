//! Visitors who do nothing wrong: each presses at an even pace, and expects a receipt each time.

use e2e::{Relay, press};
use reqwest::{Client, StatusCode};
use schemas::{Receipt, Uuid};
use std::{
    future::Future,
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, sleep_until},
};

/// Enough of them for a percentile within seconds, too few to be work for the relay.
const VISITORS: usize = 10;

/// Between an answer and the next press.
const PACE: Duration = Duration::from_millis(90);

/// The longest pause of one who rests.
const PAUSE: Duration = Duration::from_secs(20);

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
    fn new(relay: &Relay, client: Client) -> Self {
        let url = format!("{}/api/events", relay.url());
        Self { client, url, session: Uuid::new_v4(), presses: 0 }
    }

    /// Presses once, and returns the status of the answer. A press that was refused is sent again next time.
    async fn send(&mut self) -> StatusCode {
        let body = serde_json::to_string(&press(self.session, self.presses, DAY)).unwrap();
        let status = self.client.post(&self.url).body(body).send().await.unwrap().status();
        self.presses += u64::from(status == StatusCode::OK);
        status
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
        let mut visitors: Vec<_> =
            (0..VISITORS).map(|_| Visitor::new(relay, Client::new())).collect();
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

/// Visitors who press now and then.
pub struct Resting(Vec<Visitor>);

impl Resting {
    /// They are there, and known: each has pressed once.
    pub async fn arrive(relay: &Relay, visitors: usize) -> Self {
        // Making a client takes longer than many requests.
        let client = Client::new();
        let mut visitors: Vec<_> =
            (0..visitors).map(|_| Visitor::new(relay, client.clone())).collect();
        for visitor in &mut visitors {
            visitor.press().await;
        }
        Self(visitors)
    }

    /// Each presses every 5 to 20 s until the end. Returns the number of presses, and how many of them
    /// were answered with anything but a receipt.
    pub async fn press_until(self, end: Instant) -> (usize, usize) {
        let mut pressing = JoinSet::new();
        for mut visitor in self.0 {
            pressing.spawn(async move {
                let (mut presses, mut refused) = (0, 0);
                // They are somewhere in a pause when it begins.
                let mut next = Instant::now() + PAUSE.mul_f64(fastrand::f64());
                while next < end {
                    sleep_until(next.into()).await;
                    presses += 1;
                    refused += usize::from(visitor.send().await != StatusCode::OK);
                    next = Instant::now() + PAUSE.mul_f64(0.25 + 0.75 * fastrand::f64());
                }
                (presses, refused)
            });
        }
        let all = pressing.join_all().await;
        all.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }
}
