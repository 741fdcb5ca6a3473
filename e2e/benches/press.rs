//! Micro-benchmarks of the relay's work on a press, without network and Kafka.
//!
//! `cargo xtask bench micro` measures; the names contain the goals. `cargo test -p e2e --bench press` runs
//! each benchmark once. Allocations are counted, as they grow unnoticed otherwise; each adds a few
//! nanoseconds to the times.
//!
//! Places are looked up in the database of `E2E_GEO_DATABASE` or `RELAY_GEO_DATABASE`, otherwise in the small
//! one of the tests. An item is an event. Each sample has many iterations, so that caches are warm as in a
//! relay under load.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT_LANGUAGE};
use clap::{Args, FromArgMatches};
use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use e2e::small_geo;
use geo_ip::{Geo, GeoOptions};
use live_stats::{Aggregator, Capacity, LiveOptions};
use rate_limit::Arrival;
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
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Events in a request: usually one, many after the network was down.
const BATCHES: [usize; 2] = [1, 100];

/// Sessions whose events alternate in the aggregator.
const SESSIONS: u128 = 1000;

/// An address that has a city in GeoLite2. The small database has other addresses.
const REAL_DATABASE_ADDRESS: &str = "81.2.69.142";

fn main() {
    divan::main();
}

static GEO: LazyLock<(Geo, IpAddr)> = LazyLock::new(|| {
    let real = ["E2E_GEO_DATABASE", "RELAY_GEO_DATABASE"].into_iter().find_map(env::var_os);
    let folder = tempfile::tempdir().unwrap();
    let (path, address) = match real {
        Some(path) => (path.into(), REAL_DATABASE_ADDRESS),
        None => {
            let path = folder.path().join("small.mmdb");
            small_geo::write(&path, small_geo::Layout::Standard, "Säffle");
            (path, small_geo::KNOWN_V4)
        }
    };
    let options = GeoOptions { geo_database: Some(path), ..GeoOptions::default() };
    let (geo, client) = (Geo::open(options).unwrap(), address.parse().unwrap());
    let located = geo.locate(client, &japanese(), None);
    assert!(located.place_name.is_some(), "the address has a city with a Japanese name");
    (geo, client)
});

/// The headers of a page in Japanese.
fn japanese() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("ja"))])
}

/// A request body of the page.
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
    let place = Arc::new(geo.locate(*client, &HeaderMap::new(), None).place);
    submission(session, events).into_received(&place, now())
}

/// From a parsed body and the client's address to messages for Kafka.
#[divan::bench(name = "frame, at most 1.5 µs an event", args = BATCHES, sample_size = 100)]
fn to_messages(bencher: Bencher<'_, '_>, events: usize) {
    let (geo, client) = &*GEO;
    let encoder = Encoder::new().unwrap();
    let (headers, now) = (japanese(), now());
    bencher.counter(ItemsCount::new(events)).with_inputs(|| submission(1, events)).bench_values(
        |submission| {
            let located = geo.locate(*client, &headers, Some(submission.session_id));
            let place = Arc::new(located.place);
            let events = submission.into_received(&place, now);
            let mut messages = Messages::new(&encoder, 7);
            for event in &events {
                black_box(messages.of(&event.press).unwrap());
            }
            events
        },
    );
}

/// Part of `to_messages` for each request.
#[divan::bench(name = "look up the place, a part of it", sample_size = 1000)]
fn look_up(bencher: Bencher<'_, '_>) {
    let ((geo, client), headers) = (&*GEO, HeaderMap::new());
    bencher.bench(|| geo.locate(black_box(*client), &headers, None));
}

/// The same with the city's name in the visitor's language.
#[divan::bench(name = "look up the place and a name, likewise", sample_size = 1000)]
fn look_up_name(bencher: Bencher<'_, '_>) {
    let ((geo, client), headers) = (&*GEO, japanese());
    bencher.bench(|| geo.locate(black_box(*client), &headers, None));
}

/// Part of `to_messages` for each event of a request after its first.
#[divan::bench(name = "encode a message, a part of it", sample_size = 1000)]
fn encode(bencher: Bencher<'_, '_>) {
    let encoder = Encoder::new().unwrap();
    let event = &received(1, 2)[1];
    let mut messages = Messages::new(&encoder, 7);
    bencher.bench_local(|| messages.of(black_box(&event.press)).unwrap().len());
}

/// From a message to the event, as for the live numbers. With `1`, two places alternate, so that the decoder
/// reuses none; with `100`, all events have one place.
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

/// From a request body to a submission.
#[divan::bench(name = "parse a body, no goal", args = BATCHES, sample_size = 100)]
fn parse(bencher: Bencher<'_, '_>, events: usize) {
    let body = body(1, events);
    bencher.counter(ItemsCount::new(events)).bench(|| Submission::parse(black_box(&body)).unwrap());
}

/// The limits of the first request of a session, with a full table of sessions: another one is evicted.
#[divan::bench(name = "limits in a flood, at most 500 ns", sample_size = 1000)]
fn limits(bencher: Bencher<'_, '_>) {
    /// 2^128 divided by the golden ratio.
    const FIBONACCI: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let limits = Limits::new(&unlimited(), None);
    let mut session = 0;
    let mut admit = || {
        session += 1;
        // Ids in no order.
        let session = Uuid::from_u128(u128::wrapping_mul(black_box(session), FIBONACCI));
        let arrival = Arrival { session, events: 1, age: Duration::ZERO };
        let admitted = limits.admit(arrival).is_ok();
        admitted && limits.in_flight.try_acquire().is_ok()
    };
    // More than the table holds.
    for _ in 0..300_000 {
        admit();
    }
    bencher.bench_local(admit);
}

/// Limits that are looked at but not met.
fn unlimited() -> LimitOptions {
    let command = LimitOptions::augment_args(clap::Command::new("relay"));
    let limits = ["session-requests", "session-events", "new-sessions", "events"];
    let options = limits.map(|limit| format!("--{limit}=0"));
    let matches = command.get_matches_from(std::iter::once("relay".to_owned()).chain(options));
    LimitOptions::from_arg_matches(&matches).unwrap()
}

/// From events to the live numbers: 100 events of each of 1,000 sessions, alternating. Each event is later
/// than the one before it, as in a topic, and so becomes one of the latest.
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
        .with_inputs(|| {
            Aggregator::new(Capacity::for_sessions(SESSIONS as usize), LiveOptions::default())
        })
        .bench_values(|mut aggregator| {
            for event in &events {
                aggregator.add(event, now);
            }
            aggregator
        });
}
