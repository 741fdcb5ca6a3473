//! How long a press takes from the finger in one browser to the number on the screen of another.
//!
//! A statistic, which needs a processor without other work: `cargo xtask test --long` runs it, alone,
//! and one engine after the other. In every run, `a_press_in_one_window_is_seen_in_another`
//! (`live_page/numbers.rs`) tests in all three engines that a press arrives in the other window,
//! `presses_are_seen_at_once_and_after_a_restart` (`live/main.rs`) that the relay's stream has it within
//! 5 s, and `pipeline/live.rs` measures Chromium with Kafka in between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::{Engine, Relay, dist, measure_presses};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a statistic: `cargo xtask test --long` runs it"]
async fn a_press_is_on_every_open_screen_at_once() {
    for engine in Engine::ALL {
        if engine.is_wanted("a_press_is_on_every_open_screen_at_once") {
            let folder = tempfile::tempdir().unwrap();
            let dist = dist();
            let options = ["--static-dir", dist.to_str().unwrap()];
            let relay = Relay::start(folder.path(), &options).await;
            measure_presses(engine, &relay.url(), 0).await;
        }
    }
}
