//! What one press costs the page's main thread, on a processor six times slower than this one: a cheap
//! phone's.
//!
//! A finger taps the button five times a second, as people do. Two things are measured:
//!
//! - How long a press is handled: what the page's listeners take, until the press is counted and kept in
//!   storage, and the next frame can be drawn. The request begins after that. It is the browser's own measure, that of
//!   the part of an interaction that is the page's (Event Timing, `processingEnd` less
//!   `processingStart`), and what the finger waits for.
//! - All that the main thread does from the first touch until everything has come to rest, whatever it is
//!   for: taking the touch, the above, the answer, and each frame that is drawn. What it does in a
//!   stretch of the same length in which nobody presses is taken off.

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

/// Adds up how long the page handles the events of presses. The browser tells of those that took 16 ms or
/// longer until the next frame, which a press on a slow processor always does.
const WATCH: &str = "
    window.handled = 0;
    new PerformanceObserver((list) => {
        for (const event of list.getEntries()) window.handled += event.processingEnd - event.processingStart;
    }).observe({ type: 'event', durationThreshold: 16 });";

/// Measures what a press costs in so many rounds.
pub async fn measure(rounds: u32) -> Vec<Figure> {
    let (mut costs, mut slower, mut handled) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let visit = Visit::begin().await;
        // The first press draws what later ones only change, and code is compiled that is used often.
        press(&visit, 10).await;
        let fast = known_loop(&visit).await;
        visit.browser.slow_down(SLOWER).await;
        slower.push(known_loop(&visit).await / fast);
        let idle = stretch(&visit, 0).await;
        visit.browser.run(WATCH).await;
        let pressed = stretch(&visit, PRESSES).await;
        let millis = visit.browser.run("return window.handled").await.as_f64().unwrap();
        assert!(millis > 0.0, "the browser tells nothing of its events");
        handled.push(millis / PRESSES as f64);
        visit.browser.slow_down(1.0).await;
        assert_eq!(visit.end(10 + PRESSES).await, 0, "each tap is a press, and none is lost");
        let cost = (pressed - idle).per(PRESSES);
        println!(
            "press, round {round} of {rounds}: handled in {:.2} ms, {:.2} ms with all that follows, {:.1} ms \
             idle",
            millis / PRESSES as f64,
            cost.all,
            idle.all
        );
        costs.push(cost);
    }
    let figure = |name: &str, of: fn(&MainThread) -> f64| {
        Figure::new(name, "ms", costs.iter().map(of).collect(), Better::Lower)
    };
    vec![
        Figure::new("6x slower: a press is handled", "ms", handled, Better::Lower)
            .with_goal(MOST_MILLIS),
        figure("6x slower: all that follows a press", |cost| cost.all),
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
