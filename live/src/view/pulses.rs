//! Circles on the map where presses just came from.

use crate::world;
use equal_earth::project;
use schemas::stats::Latest;
use yew::{Html, html};

/// How long one is seen, in milliseconds; the style's animation takes as long.
const LIFE_MILLIS: f64 = 3_000.0;

/// More at once would be a fog.
const MOST: usize = 40;

/// Those that are seen.
#[derive(Default)]
pub struct Pulses(Vec<Pulse>);

struct Pulse {
    number: u64,
    point: (f64, f64),
    born: f64,
}

impl Pulses {
    /// Adds one where the press came from: at its place, or in the middle of its country, if no more is known.
    pub fn add(&mut self, number: u64, press: &Latest, now: f64) {
        let place = press.latitude.zip(press.longitude);
        let place = place.map(|(latitude, longitude)| project(latitude, longitude));
        if let Some(point) = place.or_else(|| world::middle(&press.country_code)) {
            if self.0.len() >= MOST {
                self.0.remove(0);
            }
            self.0.push(Pulse { number, point, born: now });
        }
    }

    /// Forgets those that are over. A clock that is set back must not keep them for ever.
    pub fn forget(&mut self, now: f64) {
        self.0.retain(|pulse| (now - pulse.born).abs() < LIFE_MILLIS);
    }

    /// As SVG.
    pub fn draw(&self) -> Html {
        let pulse = |pulse: &Pulse| {
            let (x, y) = pulse.point;
            html! {
                <g key={pulse.number} class="pulse" transform={format!("translate({} {})", x.round() as i32, y.round() as i32)}>
                    <circle class="ring edge" r="60" />
                    <circle class="ring" r="60" />
                    <circle class="core" r="9" />
                </g>
            }
        };
        html! { <g>{ for self.0.iter().map(pulse) }</g> }
    }
}
