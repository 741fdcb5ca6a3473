//! How long a press takes from the finger in one browser to the number on the screen of another.
//!
//! In a file of its own, so that no other test takes the processor meanwhile; engines come one after
//! the other for the same reason. With Kafka it is measured in `pipeline/live.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use e2e::{Engine, Relay, dist, measure_presses};

#[tokio::test(flavor = "multi_thread")]
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
