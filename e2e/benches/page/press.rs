//! What one press costs the page's main thread, on a processor six times slower than this one: a cheap
//! phone's.
//!
//! A finger taps the button five times a second, as people do. All that the main thread does from the
//! first touch until everything has come to rest counts, whatever it is for: taking the touch, the
//! event's way into storage and to the relay, the answer, and each frame that is drawn. What it does in
//! a stretch of the same length in which nobody presses is taken off.

use crate::visit::Visit;
use e2e::{
    MainThread,
    figures::{Better, Figure},
};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

const SLOWER: f64 = 6.0;

/// Milliseconds of the main thread for one press.
const MOST_MILLIS: f64 = 4.0;

/// In one round.
const PRESSES: u64 = 50;

const PACE: Duration = Duration::from_millis(200);

/// How long a finger is on the button.
const HELD: Duration = Duration::from_millis(60);

/// After this, what a press has set going is over: the relay's answer, the sparks (0.7 s), and what
/// screen readers are told when the pressing pauses (1.2 s).
const REST: Duration = Duration::from_millis(1500);

/// Work of a known length, so that it is seen whether the measure is sound: slowed down, it has to take
/// [`SLOWER`] times as long. As a task of the page's own, which a script of the driver's is not.
const KNOWN_LOOP: &str = "
    return new Promise((done) => setTimeout(() => {
        let state = 1;
        for (let round = 0; round < 2e6; round += 1) state = (state * 48271) % 2147483647;
        done(state);
    }));";

/// Measures what a press costs in so many rounds.
pub async fn measure(rounds: u32) -> Vec<Figure> {
    let (mut costs, mut slower) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let visit = Visit::begin().await;
        // The first press draws what later ones only change, and code is compiled that is used often.
        press(&visit, 10).await;
        let fast = known_loop(&visit).await;
        visit.browser.slow_down(SLOWER).await;
        slower.push(known_loop(&visit).await / fast);
        let idle = stretch(&visit, 0).await;
        let pressed = stretch(&visit, PRESSES).await;
        visit.browser.slow_down(1.0).await;
        assert_eq!(visit.end(10 + PRESSES).await, 0, "each tap is a press, and none is lost");
        let cost = (pressed - idle).per(PRESSES);
        println!(
            "press, round {round} of {rounds}: {:.2} ms each, {:.1} ms idle",
            cost.all, idle.all
        );
        costs.push(cost);
    }
    let figure = |name: &str, of: fn(&MainThread) -> f64| {
        Figure::new(name, "ms", costs.iter().map(of).collect(), Better::Lower)
    };
    vec![
        figure("6x slower: a press", |cost| cost.all).with_goal(MOST_MILLIS),
        figure("6x slower: of that, script", |cost| cost.script),
        figure("6x slower: of that, style", |cost| cost.style),
        figure("6x slower: of that, layout", |cost| cost.layout),
        figure("6x slower: of that, drawing and the rest", MainThread::rest),
        Figure::new("6x slower: a known loop, which is", "x", slower, Better::Lower),
    ]
}

/// What the main thread does in the time that so many presses would take, with so many presses.
async fn stretch(visit: &Visit, presses: u64) -> MainThread {
    let before = visit.browser.main_thread().await;
    let end = Instant::now() + PACE * PRESSES as u32 + REST;
    press(visit, presses).await;
    sleep_until(end).await;
    visit.browser.main_thread().await - before
}

/// Taps the button so many times, at the pace of people, and waits until all has come to rest.
async fn press(visit: &Visit, times: u64) {
    let button = visit.browser.middle_of("#button").await;
    let start = Instant::now();
    for number in 0..times {
        sleep_until(start + PACE * number as u32).await;
        visit.browser.tap(button, HELD).await;
    }
    sleep(REST).await;
}

/// The milliseconds that the known loop takes, several times in a row.
async fn known_loop(visit: &Visit) -> f64 {
    // Once, so that it is compiled, and so that the slowing down has begun.
    visit.browser.run_async(KNOWN_LOOP).await;
    let before = visit.browser.main_thread().await;
    for _ in 0..5 {
        visit.browser.run_async(KNOWN_LOOP).await;
    }
    (visit.browser.main_thread().await - before).all
}
