//! From events to numbers: each identity is counted once, whatever order and however often events
//! come. Pure: time is told, never asked for.

use super::{
    seen::{News, Seen},
    stats::{Country, Latest, MAX_LATEST, MAX_PLACES, Presses, Progress, SECONDS, Spot, Stats},
    window::Window,
};
use crate::store::Received;
use schemas::{Action, Place, Timestamp, Uuid};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Minutes that "the last hour" consists of.
const MINUTES: usize = 60;

/// Places that are told apart. The whole earth, rounded to one decimal, has six million; databases
/// name some hundred thousand cities.
const PLACES: usize = 100_000;

/// What memory may be used for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions that are remembered, so that repeats of their events are known. The oldest are
    /// forgotten first; what they have contributed stays.
    pub sessions: usize,
    /// Counts that are held apart because others before them are missing, in all sessions.
    pub early: usize,
}

impl Limits {
    /// For so many sessions.
    pub fn for_sessions(sessions: usize) -> Self {
        Self { sessions, early: sessions }
    }
}

/// The numbers so far.
pub struct Fold {
    limits: Limits,
    remembered: HashMap<Uuid, Seen>,
    /// In the order in which they came.
    order: VecDeque<Uuid>,
    early: usize,
    sessions: u64,
    complete: u64,
    presses: u64,
    not_counted: u64,
    countries: BTreeMap<String, Nation>,
    places: HashMap<PlaceKey, Town>,
    hour: Window<BTreeMap<String, u32>>,
    seconds: Window<u32>,
    latest: BTreeMap<(Timestamp, Uuid, u64), Arc<Place>>,
}

struct Nation {
    name: String,
    presses: u64,
}

struct Town {
    city_name: Option<String>,
    presses: u64,
}

/// Country, and the coordinates in tenths of a degree: one decimal is all that events have.
type PlaceKey = (String, i32, i32);

impl Fold {
    /// Nothing has happened yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            remembered: HashMap::new(),
            order: VecDeque::new(),
            early: 0,
            sessions: 0,
            complete: 0,
            presses: 0,
            not_counted: 0,
            countries: BTreeMap::new(),
            places: HashMap::new(),
            hour: Window::new(MINUTES),
            seconds: Window::new(SECONDS),
            latest: BTreeMap::new(),
        }
    }

    /// Takes in an event. One from the future, by a clock that is ahead of ours, counts as now: it
    /// would push everything else out of the last hour.
    pub fn apply(&mut self, event: &Received, now: Timestamp) {
        let press = &event.press;
        if !self.is_new(press.session_id, press.event.count, press.event.action) {
            return;
        }
        if press.event.action == Action::PressButton {
            let key = (event.received_at.min(now), press.session_id, press.event.count);
            self.count_press(key, &press.place);
        }
    }

    /// Something that was no event.
    pub fn not_an_event(&mut self) {
        self.not_counted += 1;
    }

    fn is_new(&mut self, session: Uuid, count: u64, action: Action) -> bool {
        if !self.remembered.contains_key(&session) {
            self.remember(session);
        }
        let room = self.early < self.limits.early;
        let Some(seen) = self.remembered.get_mut(&session) else { return false };
        let was_complete = seen.is_complete();
        match seen.note(count, action == Action::ExitPage, room) {
            News::Repeat => return false,
            News::NoRoom => {
                self.not_counted += 1;
                return false;
            }
            News::New { more_early } => self.early = self.early.saturating_add_signed(more_early),
        }
        match (was_complete, seen.is_complete()) {
            (false, true) => self.complete += 1,
            (true, false) => self.complete -= 1,
            _ => {}
        }
        if action == Action::PressButton {
            seen.presses = seen.presses.saturating_add(1);
        }
        true
    }

    /// The presses of one session; `None` for one that is not known (yet, or any more).
    pub fn presses_of(&self, session: Uuid) -> Option<u32> {
        self.remembered.get(&session).map(|seen| seen.presses)
    }

    fn remember(&mut self, session: Uuid) {
        self.sessions += 1;
        if self.order.len() >= self.limits.sessions
            && let Some(oldest) = self.order.pop_front()
            && let Some(seen) = self.remembered.remove(&oldest)
        {
            self.early = self.early.saturating_sub(seen.early());
        }
        self.order.push_back(session);
        self.remembered.insert(session, Seen::default());
    }

    fn count_press(&mut self, key: (Timestamp, Uuid, u64), place: &Arc<Place>) {
        self.presses += 1;
        let second = key.0.micros() / 1_000_000;
        let code = &place.country_code;
        let nation = match self.countries.get_mut(code) {
            Some(nation) => nation,
            None => self
                .countries
                .entry(code.clone())
                .or_insert(Nation { name: place.country_name.clone(), presses: 0 }),
        };
        nation.presses += 1;
        if let Some(countries) = self.hour.span(second / 60) {
            match countries.get_mut(code) {
                Some(presses) => *presses += 1,
                None => drop(countries.insert(code.clone(), 1)),
            }
        }
        if let Some(presses) = self.seconds.span(second) {
            *presses += 1;
        }
        self.count_place(place);
        self.note_latest(key, place);
    }

    fn count_place(&mut self, place: &Place) {
        let (Some(latitude), Some(longitude)) = (place.latitude, place.longitude) else { return };
        // `as` saturates, and makes 0 of NaN.
        let key = (
            place.country_code.clone(),
            (latitude * 10.0).round() as i32,
            (longitude * 10.0).round() as i32,
        );
        let room = self.places.len() < PLACES;
        if let Some(town) = self.places.get_mut(&key) {
            town.presses += 1;
            // Two cities can be so near to each other: the name must not depend on which came first.
            if place.city_name.is_some()
                && (town.city_name.is_none() || place.city_name < town.city_name)
            {
                town.city_name.clone_from(&place.city_name);
            }
        } else if room {
            self.places.insert(key, Town { city_name: place.city_name.clone(), presses: 1 });
        }
    }

    fn note_latest(&mut self, key: (Timestamp, Uuid, u64), place: &Arc<Place>) {
        let oldest = self.latest.first_key_value().map(|(oldest, _)| *oldest);
        if self.latest.len() >= MAX_LATEST && oldest.is_some_and(|oldest| key < oldest) {
            return;
        }
        self.latest.insert(key, Arc::clone(place));
        if self.latest.len() > MAX_LATEST {
            self.latest.pop_first();
        }
    }

    /// The numbers at this moment.
    pub fn stats(&self, now: Timestamp, catching_up: Option<Progress>) -> Stats {
        let second = now.micros() / 1_000_000;
        let mut last_hour = BTreeMap::<&str, u64>::new();
        for countries in self.hour.until(second / 60).flatten() {
            for (code, presses) in countries {
                *last_hour.entry(code).or_default() += u64::from(*presses);
            }
        }
        let presses = |code: &str, nation: Option<&Nation>| Presses {
            presses: nation.map_or(0, |nation| nation.presses),
            last_hour: last_hour.get(code).copied().unwrap_or(0),
        };
        let elsewhere = self.countries.get(Place::NO_COUNTRY);
        let mut countries: Vec<_> = self
            .countries
            .iter()
            .filter(|(code, _)| *code != Place::NO_COUNTRY)
            .map(|(code, nation)| Country {
                code: code.clone(),
                name: nation.name.clone(),
                presses: presses(code, Some(nation)),
            })
            .collect();
        // Stable: countries with as many presses stay in the order of their codes.
        countries.sort_by_key(|country| std::cmp::Reverse(country.presses.presses));
        Stats {
            at: now,
            catching_up,
            presses: self.presses,
            presses_last_hour: last_hour.values().sum(),
            sessions: self.sessions,
            complete_sessions: self.complete,
            countries,
            elsewhere: presses(Place::NO_COUNTRY, elsewhere),
            places: self.most_pressed_places(),
            latest: self.latest.iter().rev().map(|(key, place)| latest(key.0, place)).collect(),
            per_second: self.seconds.until(second).map(|n| n.copied().unwrap_or(0)).collect(),
            not_counted: self.not_counted,
        }
    }

    fn most_pressed_places(&self) -> Vec<Spot> {
        let mut places: Vec<_> = self.places.iter().collect();
        let rank = |a: &(&PlaceKey, &Town), b: &(&PlaceKey, &Town)| {
            b.1.presses.cmp(&a.1.presses).then_with(|| a.0.cmp(b.0))
        };
        if places.len() > MAX_PLACES {
            places.select_nth_unstable_by(MAX_PLACES, rank);
            places.truncate(MAX_PLACES);
        }
        places.sort_by(rank);
        let spot = |((code, latitude, longitude), town): (&PlaceKey, &Town)| Spot {
            latitude: f64::from(*latitude) / 10.0,
            longitude: f64::from(*longitude) / 10.0,
            country_code: code.clone(),
            city_name: town.city_name.clone(),
            presses: town.presses,
        };
        places.into_iter().map(spot).collect()
    }
}

/// A press as it is told.
fn latest(received_at: Timestamp, place: &Place) -> Latest {
    Latest {
        received_at,
        country_code: place.country_code.clone(),
        country_name: place.country_name.clone(),
        city_name: place.city_name.clone(),
        latitude: place.latitude,
        longitude: place.longitude,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use schemas::{ButtonPress, Event};

    const NOW: i64 = 1_800_000_000_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn received(session: u128, count: u64, action: Action, place: &Place, ago: i64) -> Received {
        Received {
            press: ButtonPress {
                session_id: Uuid::from_u128(session),
                event: Event { timestamp: at(NOW), action, count },
                place: place.clone().into(),
                cohort: None,
            },
            received_at: at(NOW - ago * 1_000_000),
        }
    }

    fn place(code: &str, city: Option<&str>, tenths: i32) -> Place {
        Place {
            country_code: code.to_owned(),
            country_name: format!("Land of {code}"),
            city_name: city.map(str::to_owned),
            latitude: Some(f64::from(tenths) / 10.0),
            longitude: Some(-7.3),
            ..Place::unknown()
        }
    }

    fn fold(events: &[Received]) -> Stats {
        let mut fold = Fold::new(Limits::for_sessions(1000));
        events.iter().for_each(|event| fold.apply(event, at(NOW)));
        fold.stats(at(NOW), None)
    }

    #[test]
    fn a_visit_is_counted() {
        let (lisbon, nowhere) = (place("PT", Some("Lisbon"), 387), Place::localhost());
        let stats = fold(&[
            received(1, 0, Action::EnterPage, &lisbon, 9),
            received(1, 1, Action::PressButton, &lisbon, 8),
            received(1, 1, Action::PressButton, &lisbon, 8),
            received(1, 2, Action::PressButton, &lisbon, 7200),
            received(1, 3, Action::ExitPage, &lisbon, 1),
            received(2, 0, Action::EnterPage, &nowhere, 5),
            received(2, 1, Action::PressButton, &nowhere, 4),
        ]);
        assert_eq!((stats.presses, stats.presses_last_hour), (3, 2));
        assert_eq!((stats.sessions, stats.complete_sessions), (2, 1));
        let portugal = Presses { presses: 2, last_hour: 1 };
        let expected = [("PT", "Land of PT", portugal)];
        let found: Vec<_> =
            stats.countries.iter().map(|c| (&*c.code, &*c.name, c.presses)).collect();
        assert_eq!(found, expected);
        assert_eq!(stats.elsewhere, Presses { presses: 1, last_hour: 1 });
        assert_eq!(stats.places.len(), 1);
        assert_eq!((stats.places[0].latitude, stats.places[0].presses), (38.7, 2));
        assert_eq!(stats.latest[0].country_name, "Localhost");
        assert_eq!(stats.latest.len(), 3);
        assert_eq!(stats.per_second.len(), SECONDS);
        assert_eq!(stats.per_second[SECONDS - 1 - 4..][0], 1);
        assert_eq!(stats.per_second.iter().sum::<u32>(), 2);
    }

    #[test]
    fn a_session_knows_its_own_presses() {
        let mut fold = Fold::new(Limits { sessions: 2, early: 9 });
        let lisbon = place("PT", None, 387);
        let mut presses = |session, count| {
            fold.apply(&received(session, count, Action::PressButton, &lisbon, 0), at(NOW));
            [1, 2, 3].map(|session| fold.presses_of(Uuid::from_u128(session)))
        };
        assert_eq!(presses(1, 1), [Some(1), None, None]);
        assert_eq!(presses(1, 1), [Some(1), None, None], "a repeat is none");
        assert_eq!(presses(2, 9), [Some(1), Some(1), None]);
        assert_eq!(presses(1, 2), [Some(2), Some(1), None]);
        assert_eq!(presses(3, 1), [None, Some(1), Some(1)], "the oldest is forgotten");
    }

    #[test]
    fn an_event_from_the_future_counts_as_now() {
        let lisbon = place("PT", None, 387);
        let stats = fold(&[
            received(1, 1, Action::PressButton, &lisbon, -90_000),
            received(1, 2, Action::PressButton, &lisbon, 60),
        ]);
        assert_eq!(stats.presses_last_hour, 2);
        assert_eq!(stats.latest[0].received_at, at(NOW));
    }

    #[test]
    fn memory_is_bounded() {
        let mut fold = Fold::new(Limits { sessions: 10, early: 5 });
        let lisbon = place("PT", None, 387);
        for session in 0..100 {
            fold.apply(&received(session, 7, Action::PressButton, &lisbon, 0), at(NOW));
            assert!(fold.remembered.len() <= 10 && fold.order.len() <= 10 && fold.early <= 5);
        }
        let stats = fold.stats(at(NOW), None);
        assert_eq!(stats.sessions, 100, "what was forgotten stays counted");
        assert_eq!(stats.presses + stats.not_counted, 100);
        // Those that are in order need no room of their own.
        fold.apply(&received(500, 0, Action::PressButton, &lisbon, 0), at(NOW));
        assert_eq!(fold.stats(at(NOW), None).presses, stats.presses + 1);
    }

    fn events() -> impl Strategy<Value = Vec<Received>> {
        let action = prop::sample::select(vec![
            Action::EnterPage,
            Action::PressButton,
            Action::PressButton,
            Action::ExitPage,
        ]);
        let one = (0_u128..5, 0_u64..8, action, 0_i32..4, 0_i64..8000);
        prop::collection::vec(one, 0..60).prop_map(|list| {
            // An identity has one content.
            let mut known = HashMap::new();
            let event = |(session, count, action, town, ago): (u128, u64, Action, i32, i64)| {
                let place = match town {
                    0 => Place::unknown(),
                    1 => place("PT", Some("Lisbon"), 387),
                    2 => place("PT", Some("Almada"), 387),
                    _ => place("SE", None, 591),
                };
                let fresh = received(session, count, action, &place, ago);
                known.entry((session, count)).or_insert(fresh).clone()
            };
            list.into_iter().map(event).collect()
        })
    }

    proptest! {
        #[test]
        fn neither_order_nor_repeats_matter(
            (events, shuffled) in events().prop_flat_map(|events| {
                let repeated = [events.clone(), events.clone()].concat();
                (Just(events), Just(repeated).prop_shuffle())
            })
        ) {
            prop_assert_eq!(fold(&events), fold(&shuffled));
        }

        #[test]
        fn the_numbers_are_those_of_a_simple_count(events in events()) {
            let stats = fold(&events);
            let mut known = BTreeMap::new();
            for event in &events {
                known.insert((event.press.session_id, event.press.event.count), event);
            }
            let presses: Vec<_> =
                known.values().filter(|e| e.press.event.action == Action::PressButton).collect();
            prop_assert_eq!(stats.presses, presses.len() as u64);
            let mut sessions = BTreeMap::<Uuid, Vec<_>>::new();
            for ((session, count), event) in &known {
                sessions.entry(*session).or_default().push((*count, event.press.event.action));
            }
            prop_assert_eq!(stats.sessions, sessions.len() as u64);
            let complete = sessions.values().filter(|events| {
                let last = events.last().unwrap();
                last.1 == Action::ExitPage && last.0 + 1 == events.len() as u64
            });
            prop_assert_eq!(stats.complete_sessions, complete.count() as u64);
            let from = |code: &str| {
                presses.iter().filter(|e| e.press.place.country_code == code).count() as u64
            };
            for country in &stats.countries {
                prop_assert_eq!(country.presses.presses, from(&country.code));
            }
            prop_assert_eq!(stats.elsewhere.presses, from("--"));
            let minute = |e: &Received| e.received_at.micros() / 60_000_000;
            let oldest = NOW / 60_000_000 - 59;
            let lately = presses.iter().filter(|e| minute(e) >= oldest).count() as u64;
            prop_assert_eq!(stats.presses_last_hour, lately);
        }
    }
}
