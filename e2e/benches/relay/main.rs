//! What the relay costs: processor, memory and time, against goals. `cargo xtask bench relay` runs it on
//! the release build, with a real Kafka beside it.
//!
//! `$BENCH_ROUNDS` says how often each is measured, `$BENCH_ONLY` which parts (as in
//! `throughput,start`), `$BENCH_BARE_AXUM` where the handler is that the relay is compared with; what
//! `e2e` needs is as for the tests. Every part is a file here, and gives figures.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement fails by panicking")]

mod bare;
mod durability;
mod growth;
mod latency;
mod linger;
mod phone;
mod profile;
mod start;
mod throughput;
mod viewers;
mod world;
mod wrk;

use e2e::figures::Report;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use world::World;

#[tokio::main]
async fn main() {
    // A descriptor for each of ten thousand connections.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.split(',').filter(|part| !part.is_empty()).collect();
    let is_wanted = |part: &str| only.is_empty() || only.contains(&part);
    let world = World::start();
    let mut figures = Vec::new();
    if is_wanted("start") {
        figures.extend(start::measure(&world).await);
    }
    if is_wanted("viewers") {
        figures.extend(viewers::measure(&world).await);
    }
    if is_wanted("latency") {
        figures.extend(latency::measure(&world).await);
    }
    if is_wanted("throughput") {
        figures.extend(throughput::measure(&world).await);
    }
    if is_wanted("durability") {
        figures.extend(durability::measure(&world).await);
    }
    if is_wanted("growth") {
        figures.extend(growth::measure(&world).await);
    }
    if is_wanted("linger") {
        figures.extend(linger::measure(&world).await);
    }
    // Only for who asks: it disturbs what it looks at.
    if only.contains(&"profile") {
        let results = std::env::var_os("BENCH_RESULTS").expect("BENCH_RESULTS names a folder");
        std::fs::create_dir_all(&results).unwrap();
        profile::print(&world, results.as_ref()).await;
        return;
    }
    Report::new(figures).conclude("relay");
}
