//! The page is ready to press at its first paint: the button is in it (the tests'
//! `button::first_paint::the_button_is_in_the_first_paint`), and a press counts from then on, whether
//! WebAssembly is there or not (`button::visit::presses_count_before_webassembly_is_there`).

use e2e::figures::{Better, Figure};
use serde_json::Value;
use std::{env, fs};

/// On Lighthouse's phone with its network.
const MOST_MILLIS: f64 = 1000.0;

/// Lighthouse's audits, and what they are here.
const TIMES: [(&str, &str, Option<f64>); 4] = [
    ("first-contentful-paint", "slow phone: ready to press (first paint)", Some(MOST_MILLIS)),
    ("largest-contentful-paint", "slow phone: largest paint", None),
    ("total-blocking-time", "slow phone: blocked", None),
    ("interactive", "slow phone: all is loaded and quiet", None),
];

/// From Lighthouse's times, which `$BENCH_LIGHTHOUSE` names the file of: for each audit a list with the
/// milliseconds of each round. None without it.
pub fn figures() -> Vec<Figure> {
    let Some(file) = env::var_os("BENCH_LIGHTHOUSE") else {
        println!("BENCH_LIGHTHOUSE names no times: `cargo xtask bench page` measures them");
        return Vec::new();
    };
    let times: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let figure = |(audit, name, goal): (&str, &str, Option<f64>)| {
        let rounds: Vec<f64> = serde_json::from_value(times[audit].clone()).unwrap();
        let figure = Figure::new(name, "ms", rounds, Better::Lower);
        match goal {
            Some(goal) => figure.with_goal(goal),
            None => figure,
        }
    };
    TIMES.map(figure).into()
}
