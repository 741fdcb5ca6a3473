//! Visitors who press now and then while a script floods the relay on eight connections: with a session for
//! each request, with sessions that bring much at once, and with sessions that are known by now. The flood
//! gets in what the limits say, and the visitors are answered.
//!
//! In every run for some seconds, against limits that these seconds exhaust; against the defaults for a
//! minute, several times the bursts, in `cargo xtask test --long`.

use crate::{
    flood::{Outcome, batch, post},
    visitors::Resting,
};
use e2e::Relay;
use reqwest::Client;
use schemas::Uuid;
use std::{
    ops::Range,
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// Visitors, each of whom presses every 5 to 20 s.
const VISITORS: usize = 150;

/// How long they are there before the flood.
const BEFORE: Duration = Duration::from_secs(1);

/// Connections for each kind of flood.
const CONNECTIONS: usize = 2;

/// Events in a large request. More would only keep the script busy.
const LARGE: u64 = 200;

/// What the script does on one of its connections.
#[derive(Clone, Copy)]
enum Kind {
    /// A session for each request, as of a program that invents one for each press.
    SessionPerRequest,
    /// More events than a hand makes, and a session for each six requests. Their times are long past.
    LargeRequests,
    /// Requests as large as a hand's in some seconds, of twenty sessions.
    KnownSessions,
    /// Single presses, of fifty sessions.
    SinglePresses,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::SessionPerRequest, Self::LargeRequests, Self::KnownSessions, Self::SinglePresses];

    /// The session of a request, and the counts of its events.
    fn request(self, number: u64) -> (u64, Range<u64>) {
        let of_known = |sessions: u64, events: u64| {
            let first = number / sessions * events;
            (number % sessions, first..first + events)
        };
        match self {
            Self::SessionPerRequest => (number, 0..1),
            Self::LargeRequests => (number / 6, number % 6 * LARGE..(number % 6 + 1) * LARGE),
            Self::KnownSessions => of_known(20, 50),
            Self::SinglePresses => of_known(50, 1),
        }
    }

    /// Sends requests until the end. Returns how many events were taken of how many.
    async fn flood(self, relay: String, end: Instant) -> (u64, u64) {
        let (client, mut taken, mut sent) = (Client::new(), 0, 0);
        // The sessions of one run.
        let salt = Uuid::new_v4().as_u128() & !0xffff_ffff;
        for number in 0.. {
            if Instant::now() >= end {
                break;
            }
            let (session, counts) = self.request(number);
            sent += counts.end - counts.start;
            let body = batch(Uuid::from_u128(salt | u128::from(session)), counts);
            if let Outcome::Accepted(counts) = post(&client, &relay, body).await {
                taken += counts.len() as u64;
            }
        }
        (taken, sent)
    }
}

/// Floods a relay, and checks that it takes no more than it should and that visitors get their receipts.
async fn flood(options: &[&str], events_per_second: u64, length: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), options).await;
    let visitors = Resting::arrive(&relay, VISITORS).await;
    sleep(BEFORE).await;
    let start = Instant::now();
    let end = start + length;
    let mut attackers = JoinSet::new();
    for kind in Kind::ALL.repeat(CONNECTIONS) {
        attackers.spawn(kind.flood(relay.url(), end));
    }
    let (answers, refused) = visitors.press_until(end).await;
    let flood = attackers.join_all().await;
    let seconds = start.elapsed().as_secs_f64();
    let (taken, sent) = flood.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    println!(
        "{taken} of {sent} events of the flood were taken in {seconds:.1} s, {:.0} a second; \
         {refused} of {answers} presses of visitors were refused",
        taken as f64 / seconds
    );
    let most = events_per_second * (10 + seconds.ceil() as u64);
    assert!(taken <= most, "{taken} of the flood, more than {most}");
    assert!(answers > VISITORS / 4, "{answers} presses of visitors");
    assert!(refused * 100 < answers, "{refused} of {answers} presses of visitors were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_who_rest_are_answered_in_a_flood() {
    let limits = ["--new-sessions", "40", "--events", "50"];
    flood(&limits, 50, Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a flood of a minute: `cargo xtask test --long` runs it"]
async fn visitors_who_rest_are_answered_in_a_flood_of_a_minute() {
    flood(&[], 5000, Duration::from_secs(60)).await;
}
