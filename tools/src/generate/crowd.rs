//! Many visits at once, event by event in the order of time. Pure: the same seed gives the same crowd.

use super::{
    origin::{Origin, Origins},
    visit::{Visit, Visitors},
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, LogNormal};
use schemas::{Action, ButtonPress, Event, Timestamp};
use std::{collections::BinaryHeap, net::IpAddr};

/// When visits begin.
pub enum Starts {
    /// So many, spread over a time that is past.
    Within {
        /// Visits that are still to come.
        left: u64,
        /// Where the time is, in microseconds since 1970.
        at: i64,
        /// Where it ends.
        end: i64,
    },
    /// One after the other, for ever.
    Forever {
        /// Mean time between two, in microseconds.
        every: f64,
        /// When the latest began.
        at: i64,
    },
}

/// An event as it happens, lent until the next one.
pub struct Happening<'a> {
    /// The whole record.
    pub press: &'a ButtonPress,
    /// The visitor's address, for a relay.
    pub address: IpAddr,
    /// When a relay has it.
    pub received_at: Timestamp,
    /// Whether it is the visit's last.
    pub is_last: bool,
}

/// The visitors who are there, and those who will come.
pub struct Crowd {
    rng: ChaCha8Rng,
    visitors: Visitors,
    origins: Origins,
    cohort: Option<i32>,
    starts: Starts,
    next_start: Option<i64>,
    begun: u64,
    present: BinaryHeap<Present>,
    delay: LogNormal<f64>,
}

/// A visit with the event that comes next in it.
struct Present {
    at: i64,
    number: u64,
    visit: Visit,
    address: IpAddr,
    press: ButtonPress,
}

impl Ord for Present {
    /// The earliest first, then the one who came first: `BinaryHeap` gives the greatest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Present {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Present {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Present {}

impl Crowd {
    /// A crowd of which nobody is there yet.
    pub fn new(
        seed: u64,
        visitors: Visitors,
        origins: Origins,
        cohort: Option<i32>,
        starts: Starts,
    ) -> anyhow::Result<Self> {
        let mut crowd = Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            visitors,
            origins,
            cohort,
            starts,
            next_start: None,
            begun: 0,
            present: BinaryHeap::new(),
            delay: LogNormal::new(0.08_f64.ln(), 0.9)?,
        };
        crowd.next_start = crowd.starts.next(&mut crowd.rng);
        Ok(crowd)
    }

    /// Visits that have begun.
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// When the next event happens, in microseconds since 1970; `None` when all are gone.
    pub fn next_at(&self) -> Option<i64> {
        let present = self.present.peek().map(|present| present.at);
        present.into_iter().chain(self.next_start).min()
    }

    /// Gives the next event to `take`; `false` when there is none.
    pub fn advance<T>(&mut self, take: impl FnOnce(Happening<'_>) -> T) -> Option<T> {
        let at = self.next_at()?;
        if self.next_start == Some(at) && self.present.peek().is_none_or(|present| at < present.at)
        {
            self.begin(at);
        }
        let mut now = self.present.pop()?;
        let delay = (self.delay.sample(&mut self.rng).clamp(0.02, 5.0) * 1e6) as i64;
        let received_at = Timestamp::from_micros(now.at.saturating_add(delay));
        let follows = self.visitors.next(&mut now.visit, &mut self.rng);
        let taken = take(Happening {
            press: &now.press,
            address: now.address,
            received_at: received_at.unwrap_or(now.press.event.timestamp),
            is_last: follows.is_none(),
        });
        if let Some((after, action, count)) = follows {
            now.at = now.at.saturating_add(after);
            now.press.event = event(now.at, action, count);
            self.present.push(now);
        }
        Some(taken)
    }

    /// Sends everybody home: gives the `ExitPage` of each who is there to `take`.
    pub fn close(&mut self, at: Timestamp, mut take: impl FnMut(Happening<'_>)) {
        self.next_start = None;
        self.starts = Starts::Within { left: 0, at: 0, end: 0 };
        let mut present = std::mem::take(&mut self.present).into_sorted_vec();
        present.reverse();
        for mut somebody in present {
            // Their next event has not happened: the exit takes its place.
            let count = somebody.press.event.count;
            let is_gone = somebody.press.event.action == Action::EnterPage && count > 0;
            if is_gone {
                // Looked away, and does not come back. The last event that happened was an exit.
                take(Happening {
                    press: &somebody.press,
                    address: somebody.address,
                    received_at: at,
                    is_last: false,
                });
                somebody.press.event = event(at.micros(), Action::ExitPage, count + 1);
            } else {
                somebody.press.event = event(at.micros(), Action::ExitPage, count);
            }
            take(Happening {
                press: &somebody.press,
                address: somebody.address,
                received_at: at,
                is_last: true,
            });
        }
    }

    fn begin(&mut self, at: i64) {
        self.next_start = self.starts.next(&mut self.rng);
        let bits = self.rng.random::<u128>();
        // Version 4, as the page makes them (RFC 9562, 5.4).
        let session_id = schemas::uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        let Origin { place, address } = self.origins.pick(at, &mut self.rng);
        let visit = self.visitors.enter(&mut self.rng);
        let event = event(at, Action::EnterPage, 0);
        let press = ButtonPress { session_id, event, place: place.into(), cohort: self.cohort };
        self.present.push(Present { at, number: self.begun, visit, address, press });
        self.begun += 1;
    }
}

impl Starts {
    /// The next visit's beginning.
    fn next(&mut self, rng: &mut impl Rng) -> Option<i64> {
        match self {
            Self::Within { left: 0, .. } => None,
            // The lowest of `left` moments that are spread evenly over what is left of the time.
            Self::Within { left, at, end } => {
                let least = 1.0 - rng.random::<f64>().powf(1.0 / *left as f64);
                *at += ((*end - *at) as f64 * least) as i64;
                *left -= 1;
                Some(*at)
            }
            Self::Forever { every, at } => {
                let wait: f64 = Exp1.sample(rng);
                *at += (wait * *every) as i64;
                Some(*at)
            }
        }
    }
}

fn event(at: i64, action: Action, count: u64) -> Event {
    // After the year 9999 nothing happens any more.
    let timestamp = Timestamp::from_micros(at).unwrap_or(Timestamp::EPOCH);
    Event { timestamp, action, count }
}

/// The mean number of events of a visit, by trying some.
pub fn mean_events(visitors: &Visitors) -> f64 {
    const TRIES: u32 = 2000;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut events = 0;
    for _ in 0..TRIES {
        let mut visit = visitors.enter(&mut rng);
        events += 1;
        while visitors.next(&mut visit, &mut rng).is_some() {
            events += 1;
        }
    }
    f64::from(events) / f64::from(TRIES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::generate::origin::Shares;
    use schemas::Uuid;
    use std::collections::BTreeMap;

    const DAY: i64 = 86_400_000_000;
    const END: i64 = 1_772_000_000_000_000;

    fn crowd(seed: u64, sessions: u64) -> Crowd {
        let starts = Starts::Within { left: sessions, at: END - DAY, end: END };
        let origins = Origins::built_in(Shares::default()).unwrap();
        Crowd::new(seed, Visitors::new(20).unwrap(), origins, Some(7), starts).unwrap()
    }

    fn events(mut crowd: Crowd) -> Vec<ButtonPress> {
        std::iter::from_fn(|| crowd.advance(|happening| happening.press.clone())).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_crowd() {
        let first = events(crowd(1, 50));
        assert_eq!(first, events(crowd(1, 50)));
        assert_ne!(first, events(crowd(2, 50)));
    }

    #[test]
    fn visits_are_whole_spread_over_the_time_and_in_its_order() {
        let events = events(crowd(3, 1000));
        assert!(events.windows(2).all(|pair| pair[0].event.timestamp <= pair[1].event.timestamp));
        let mut visits: BTreeMap<Uuid, Vec<&ButtonPress>> = BTreeMap::new();
        for press in &events {
            visits.entry(press.session_id).or_default().push(press);
        }
        assert_eq!(visits.len(), 1000);
        let mut begun = [0; 4];
        for visit in visits.values() {
            assert!(visit.iter().map(|press| press.event.count).eq(0..visit.len() as u64));
            assert_eq!(visit.last().unwrap().event.action, Action::ExitPage);
            assert!(visit.iter().all(|press| press.place == visit[0].place));
            let began = visit[0].event.timestamp.micros();
            begun[((began - (END - DAY)) / (DAY / 4)).clamp(0, 3) as usize] += 1;
        }
        assert!(begun.iter().all(|visits| (190..310).contains(visits)), "{begun:?}");
    }

    #[test]
    fn whoever_is_sent_home_leaves_in_order() {
        let mut crowd = crowd(4, 300);
        let mut events = Vec::new();
        for _ in 0..900 {
            events.extend(crowd.advance(|happening| happening.press.clone()));
        }
        let begun = crowd.begun();
        let mut last = 0;
        crowd.close(Timestamp::from_micros(END).unwrap(), |happening| {
            last += u64::from(happening.is_last);
            events.push(happening.press.clone());
        });
        assert!(crowd.advance(|_| ()).is_none());
        let mut visits: BTreeMap<Uuid, Vec<ButtonPress>> = BTreeMap::new();
        for press in events {
            visits.entry(press.session_id).or_default().push(press);
        }
        assert_eq!(visits.len() as u64, begun);
        for visit in visits.values() {
            assert!(visit.iter().map(|press| press.event.count).eq(0..visit.len() as u64));
            assert_eq!(visit.last().unwrap().event.action, Action::ExitPage);
        }
    }
}
