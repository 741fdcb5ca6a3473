//! How fast the page is: when it is ready, what a press costs its main thread, and how it stands many of
//! them. `cargo xtask bench page` runs it, on the release builds; `$BENCH_ROUNDS` says how often each is
//! measured, and `$BENCH_SAVE` keeps the figures.
//!
//! - `ready.rs`: the page is ready to press within a second on a slow phone, by Lighthouse.
//! - `press.rs`: a press is handled in at most 4 ms of the main thread of a processor six times slower.
//! - `storm.rs`: 200 presses a second for a minute, of which none is lost and which leave the frames
//!   as they are.
//!
//! In Chromium, as the others do not tell what their main thread does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement fails by panicking")]

mod press;
mod ready;
mod storm;
mod visit;

use e2e::figures::Report;
use std::env;

#[tokio::main]
async fn main() {
    let rounds = env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let mut figures = ready::figures();
    figures.extend(press::measure(rounds).await);
    figures.extend(storm::measure(rounds).await);
    Report::new(figures).conclude("page");
}
