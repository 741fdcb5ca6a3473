//! How somebody visits the page: comes, waits, presses in bursts, perhaps looks away, and goes. Pure.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};
use schemas::Action;

/// Of all visitors, those who only look.
const ONLY_LOOK: f64 = 0.15;
/// After a press, the chance that the next one follows at once.
const GOES_ON: f64 = 0.85;
/// Of all visitors, those who once look away and come back.
const LOOKS_AWAY: f64 = 0.06;

/// Medians in seconds, and spreads (of the logarithm): few are much quicker, some are much slower.
struct Habits {
    presses: LogNormal<f64>,
    first: LogNormal<f64>,
    burst: LogNormal<f64>,
    pause: LogNormal<f64>,
    away: LogNormal<f64>,
    leave: LogNormal<f64>,
}

/// How visitors are.
pub struct Visitors {
    habits: Habits,
    max_presses: u32,
}

/// A visit that goes on.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The count of the next event.
    count: u64,
    presses_left: u32,
    looks_away: bool,
    is_away: bool,
}

impl Visitors {
    /// Visitors of whom nobody presses more often than this.
    pub fn new(max_presses: u32) -> Result<Self, rand_distr::NormalError> {
        let around = |median: f64, spread: f64| LogNormal::new(median.ln(), spread);
        let habits = Habits {
            presses: around(5.0, 1.0)?,
            first: around(1.8, 0.6)?,
            burst: around(0.35, 0.5)?,
            pause: around(3.0, 0.8)?,
            away: around(20.0, 1.0)?,
            leave: around(4.0, 1.0)?,
        };
        Ok(Self { habits, max_presses })
    }

    /// Somebody comes: the visit with its `EnterPage`.
    pub fn enter(&self, rng: &mut impl Rng) -> Visit {
        let presses = if rng.random_bool(ONLY_LOOK) {
            0
        } else {
            // At least one; the fraction is cut off, and what is too large for the type is its maximum.
            (self.habits.presses.sample(rng).max(1.0) as u32).min(self.max_presses)
        };
        let looks_away = rng.random_bool(LOOKS_AWAY);
        Visit { count: 1, presses_left: presses, looks_away, is_away: false }
    }

    /// What follows, and after how many microseconds; `None` when they are gone.
    pub fn next(&self, visit: &mut Visit, rng: &mut impl Rng) -> Option<(i64, Action, u64)> {
        let habits = &self.habits;
        let (seconds, action) = if visit.is_away {
            visit.is_away = false;
            (habits.away.sample(rng), Action::EnterPage)
        } else if visit.presses_left > 0 {
            if visit.looks_away && visit.count > 1 && rng.random_bool(0.3) {
                visit.looks_away = false;
                visit.is_away = true;
                (habits.leave.sample(rng), Action::ExitPage)
            } else {
                visit.presses_left -= 1;
                let wait = match visit.count {
                    1 => &habits.first,
                    _ if rng.random_bool(GOES_ON) => &habits.burst,
                    _ => &habits.pause,
                };
                (wait.sample(rng), Action::PressButton)
            }
        } else if visit.count == u64::MAX {
            return None;
        } else {
            let count = std::mem::replace(&mut visit.count, u64::MAX);
            return Some((micros(habits.leave.sample(rng)), Action::ExitPage, count));
        };
        let count = visit.count;
        visit.count += 1;
        Some((micros(seconds), action, count))
    }
}

fn micros(seconds: f64) -> i64 {
    // At least a millisecond, at most an hour: nobody's page is that patient.
    (seconds.clamp(0.001, 3600.0) * 1e6) as i64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn visits_are_whole_and_as_people_make_them() {
        let visitors = Visitors::new(40).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut pressed, mut looked_away) = (0, 0);
        for _ in 0..2000 {
            let mut visit = visitors.enter(&mut rng);
            let mut events = vec![(0, Action::EnterPage)];
            while let Some((after, action, count)) = visitors.next(&mut visit, &mut rng) {
                assert!((1_000..=3_600_000_000).contains(&after));
                events.push((count, action));
            }
            assert!(events.iter().map(|(count, _)| *count).eq(0..events.len() as u64));
            assert_eq!(events.last().unwrap().1, Action::ExitPage);
            for pair in events.windows(2) {
                let enters = pair[1].1 == Action::EnterPage;
                assert_eq!(enters, pair[0].1 == Action::ExitPage, "out and in again: {events:?}");
            }
            let presses =
                events.iter().filter(|(_, action)| *action == Action::PressButton).count();
            assert!(presses <= 40);
            pressed += presses;
            looked_away +=
                usize::from(events.iter().filter(|(_, a)| *a == Action::EnterPage).count() > 1);
        }
        assert!((8_000..24_000).contains(&pressed), "{pressed}");
        assert!((20..160).contains(&looked_away), "{looked_away}");
    }
}
