//! What the relay's own work on a press costs, without the network and without Kafka.
//!
//! `cargo xtask bench micro` measures; the goals stand in the names. `cargo test -p e2e --bench press`
//! runs each once, so that they keep working. Allocations are counted as well, since they are
//! what grows unnoticed; counting them takes a few nanoseconds each, which are in the times.
//!
//! With `E2E_GEO_DATABASE` or `RELAY_GEO_DATABASE` places are looked up in that database, otherwise
//! in the small one of the tests. `items` is events. Every sample repeats its work often, so that a
//! time is that of a relay at work and not of one that has just woken up.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use axum::http::HeaderMap;
use clap::{Args, FromArgMatches};
use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use e2e::small_geo;
use geo_ip::{
    Geo,
    client_ip::{ClientIp, TrustedProxies},
};
use live_stats::{Aggregator, Capacity};
use relay::ingest::{
    limits::{LimitOptions, Limits},
    parse::Submission,
};
use schemas::{
    ButtonPress, Received, Timestamp, Uuid,
    avro::{self, Decoder, Encoder},
    frame::{self, Messages},
};
use std::{
    env,
    fmt::Write,
    sync::{Arc, LazyLock},
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Events in a request: one while all is well, many after a time without a network.
const BATCHES: [usize; 2] = [1, 100];

/// Sessions that take turns in the fold.
const SESSIONS: u128 = 1000;

/// An address that GeoLite2 knows a city of; the small database has only its own.
const IN_A_REAL_DATABASE: &str = "81.2.69.142";

fn main() {
    divan::main();
}

static GEO: LazyLock<(Geo, ClientIp)> = LazyLock::new(|| {
    let real = ["E2E_GEO_DATABASE", "RELAY_GEO_DATABASE"].into_iter().find_map(env::var_os);
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = match real {
        Some(path) => (path.into(), IN_A_REAL_DATABASE),
        None => {
            let path = folder.path().join("small.mmdb");
            small_geo::write(&path, small_geo::Layout::Standard, "Säffle");
            (path, small_geo::KNOWN_V4)
        }
    };
    let geo = Geo::open(Some(path), false).unwrap();
    let client = TrustedProxies::default().client(address.parse().unwrap(), &HeaderMap::new());
    assert_ne!(geo.place(client, None).country_code, "--", "the database knows the address");
    (geo, client)
});

/// A body as the page sends it.
fn body(session: u128, events: usize) -> Vec<u8> {
    let mut body = format!(r#"{{"session_id":"{}","events":["#, Uuid::from_u128(session));
    for count in 0..events {
        let action = if count == 0 { "EnterPage" } else { "PressButton" };
        let comma = if count == 0 { "" } else { "," };
        write!(
            body,
            r#"{comma}{{"timestamp":"2025-03-07T10:33:46.754240+00:00","action":"{action}","count":{count}}}"#
        )
        .unwrap();
    }
    body.push_str("]}");
    body.into_bytes()
}

fn submission(session: u128, events: usize) -> Submission {
    Submission::parse(&body(session, events)).unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2025-03-07T10:33:47Z").unwrap()
}

fn received(session: u128, events: usize) -> Vec<Received> {
    let (geo, client) = &*GEO;
    let place = Arc::new(geo.place(*client, None));
    submission(session, events).into_received(&place, now())
}

/// From what was parsed, and the client's address, to messages for Kafka.
#[divan::bench(name = "frame, at most 1.5 µs an event", args = BATCHES, sample_size = 100)]
fn to_messages(bencher: Bencher<'_, '_>, events: usize) {
    let (geo, client) = &*GEO;
    let encoder = Encoder::new().unwrap();
    let now = now();
    bencher.counter(ItemsCount::new(events)).with_inputs(|| submission(1, events)).bench_values(
        |submission| {
            let place = Arc::new(geo.place(*client, Some(submission.session_id)));
            let events = submission.into_received(&place, now);
            let mut messages = Messages::new(&encoder, 7);
            for event in &events {
                black_box(messages.of(&event.press).unwrap());
            }
            events
        },
    );
}

/// The part of it that is done once for a request.
#[divan::bench(name = "look up the place, a part of it", sample_size = 1000)]
fn look_up(bencher: Bencher<'_, '_>) {
    let (geo, client) = &*GEO;
    bencher.bench(|| geo.place(black_box(*client), None));
}

/// The part of it that is done for each event of a request after its first.
#[divan::bench(name = "encode a message, a part of it", sample_size = 1000)]
fn encode(bencher: Bencher<'_, '_>) {
    let encoder = Encoder::new().unwrap();
    let event = &received(1, 2)[1];
    let mut messages = Messages::new(&encoder, 7);
    bencher.bench_local(|| messages.of(black_box(&event.press)).unwrap().len());
}

/// From a message to the event, as the live numbers read it: of `1` place in turn with another, so that
/// nothing is known of it, and of a `100` events from one place.
#[divan::bench(name = "decode a message, at most 1 µs", args = BATCHES, sample_size = 1000)]
fn decode(bencher: Bencher<'_, '_>, events: usize) {
    let mut decoder = Decoder::for_writer(avro::SCHEMA_TEXT).unwrap();
    let here = received(1, 2).remove(1).press;
    let there = ButtonPress { cohort: Some(7), ..here.clone() };
    let encoder = Encoder::new().unwrap();
    let messages = [here, there].map(|press| frame::encode(&encoder, 7, &press).unwrap());
    let mut turn = 0;
    bencher.bench_local(|| {
        turn = (turn + usize::from(events == 1)) % 2;
        let (_, datum) = frame::split(black_box(&messages[turn])).unwrap();
        decoder.decode(datum).unwrap()
    });
}

/// From a request's body to what can be taken of it.
#[divan::bench(name = "parse a body, no goal", args = BATCHES, sample_size = 100)]
fn parse(bencher: Bencher<'_, '_>, events: usize) {
    let body = body(1, events);
    bencher.counter(ItemsCount::new(events)).bench(|| Submission::parse(black_box(&body)).unwrap());
}

/// What the limits cost a request whose session is one of very many.
#[divan::bench(name = "limits, at most 300 ns", sample_size = 1000)]
fn limits(bencher: Bencher<'_, '_>) {
    let command = LimitOptions::augment_args(clap::Command::new("relay"));
    let unlimited =
        ["relay", "--session-requests", "0", "--session-events", "0", "--new-sessions", "0"];
    let matches = command.get_matches_from(unlimited);
    let options = LimitOptions::from_arg_matches(&matches).unwrap();
    let limits = Limits::new(&options, None);
    let mut session = 0;
    bencher.bench_local(|| {
        // Far apart in the table, as sessions are.
        session = (session + 1) % 200_000;
        let admitted = limits.admit(black_box(Uuid::from_u128(session)), 1).is_ok();
        admitted && limits.in_flight.try_acquire().is_ok()
    });
}

/// From an event to the live numbers; 100 events of each of a thousand sessions, which take turns.
/// Each is later than the one before it, as in a topic, and so among the latest.
#[divan::bench(name = "live numbers, no goal", sample_size = 1)]
fn live_numbers(bencher: Bencher<'_, '_>) {
    let visits: Vec<_> = (0..SESSIONS).map(|session| received(session, 100)).collect();
    let turns = (0..100).flat_map(|count| visits.iter().map(move |visit| visit[count].clone()));
    let start = now().micros();
    let events: Vec<_> = (start..)
        .zip(turns)
        .map(|(at, event)| Received { received_at: Timestamp::from_micros(at).unwrap(), ..event })
        .collect();
    let now = Timestamp::from_micros(start + 1_000_000).unwrap();
    bencher
        .counter(ItemsCount::new(events.len()))
        .with_inputs(|| Aggregator::new(Capacity::for_sessions(SESSIONS as usize)))
        .bench_values(|mut aggregator| {
            for event in &events {
                aggregator.add(event, now);
            }
            aggregator
        });
}
