//! 200 presses a second: more than all fingers of a stand on one phone. For a minute, of which nothing may
//! be lost, and for shorter stretches, in which the page has to draw as many frames as when nobody
//! presses.
//!
//! A browser that draws without a GPU on a busy machine may miss frames whatever the page does, so each
//! stretch is measured beside one of the same length, on the same page, in which nobody presses.

use crate::visit::Visit;
use e2e::{
    Frames,
    figures::{Better, Figure},
};
use std::time::Duration;
use tokio::time::sleep;

const MILLIS: u64 = 5;

/// Frames a second: those of a usual screen, but for one in a hundred.
const FEWEST_FRAMES: f64 = 0.99 * 60.0;

/// Of the frames of the idle page.
const LEAST_SHARE: f64 = 0.99;

const STRETCH: Duration = Duration::from_secs(10);

const MINUTE: Duration = Duration::from_secs(60);

/// Measures so many rounds, and one minute.
pub async fn measure(rounds: u32) -> Vec<Figure> {
    let (mut pairs, mut lost) = (Vec::new(), 0);
    for round in 1..=rounds {
        let visit = Visit::begin().await;
        // From the first press on, the button calls for no more.
        visit.browser.press(1).await;
        sleep(Duration::from_secs(2)).await;
        visit.browser.start_counting_frames().await;
        sleep(STRETCH).await;
        let idle = visit.browser.stop_counting_frames().await;
        let pressed = press(&visit, STRETCH).await;
        lost += visit.end(1 + presses(STRETCH)).await;
        println!("storm, round {round} of {rounds}: {pressed:?}, idle {idle:?}");
        pairs.push((pressed, idle));
    }
    let visit = Visit::begin().await;
    let minute = press(&visit, MINUTE).await;
    lost += visit.end(presses(MINUTE)).await;
    println!("storm, a minute: {minute:?}; {lost} presses were lost in all");

    let figure = |name: &str, unit: &str, better, of: fn(&(Frames, Frames)) -> f64| {
        Figure::new(name, unit, pairs.iter().map(of).collect(), better)
    };
    let (lower, higher) = (Better::Lower, Better::Higher);
    vec![
        figure("200 presses/s: frames", "1/s", higher, |(pressed, _)| pressed.rate)
            .with_goal(FEWEST_FRAMES),
        figure("idle: frames", "1/s", higher, |(_, idle)| idle.rate),
        figure("200 presses/s: frames, to idle", "x", higher, |(pressed, idle)| {
            pressed.rate / idle.rate
        })
        .with_goal(LEAST_SHARE),
        figure("200 presses/s: late frames", "%", lower, |(pressed, _)| 100.0 * pressed.late),
        figure("idle: late frames", "%", lower, |(_, idle)| 100.0 * idle.late),
        Figure::new("200 presses/s for a minute: frames", "1/s", vec![minute.rate], higher),
        Figure::new("200 presses/s, the minute too: lost", "", vec![lost as f64], lower)
            .with_goal(0.0),
    ]
}

fn presses(time: Duration) -> u64 {
    time.as_millis() as u64 / MILLIS
}

/// Presses for so long, and tells of the frames meanwhile.
async fn press(visit: &Visit, time: Duration) -> Frames {
    visit.browser.start_counting_frames().await;
    visit.browser.start_pressing(presses(time), MILLIS).await;
    sleep(time).await;
    visit.browser.wait_until_pressed().await;
    visit.browser.stop_counting_frames().await
}
