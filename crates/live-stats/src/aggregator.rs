//! Aggregator: each identity is counted once, in whatever order and however often events come. Pure: the
//! time is a parameter.

use crate::{
    session_tracker::{Insertion, SessionTracker},
    window::Window,
};
use schemas::{
    Action, Place, Received, Timestamp, Uuid,
    stats::{Country, Latest, MAX_LATEST, MAX_PLACES, MapPoint, Presses, Progress, SECONDS, Stats},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

/// Minutes that "the last hour" consists of.
const MINUTES: usize = 60;

/// Places that are counted separately. The whole earth, rounded to one decimal, has six million; databases
/// name some hundred thousand cities.
const PLACES: usize = 100_000;

/// What memory is used for at the most.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Sessions that are tracked, so that repeats of their events are known. The oldest are evicted first;
    /// what they have contributed stays.
    pub sessions: usize,
    /// Counts that are kept separately because others before them are missing, in all sessions.
    pub out_of_order: usize,
}

impl Capacity {
    /// For so many sessions.
    pub fn for_sessions(sessions: usize) -> Self {
        Self { sessions, out_of_order: sessions }
    }
}

/// The numbers so far.
pub struct Aggregator {
    capacity: Capacity,
    trackers: HashMap<Uuid, SessionTracker>,
    /// The tracked sessions in the order in which they came.
    order: VecDeque<Uuid>,
    out_of_order: usize,
    sessions: u64,
    complete: u64,
    presses: u64,
    not_counted: u64,
    countries: BTreeMap<String, CountryPresses>,
    places: HashMap<PlaceKey, PlacePresses>,
    hour: Window<BTreeMap<String, u32>>,
    seconds: Window<u32>,
    latest: BTreeMap<(Timestamp, Uuid, u64), Arc<Place>>,
}

struct CountryPresses {
    name: String,
    presses: u64,
}

struct PlacePresses {
    city_name: Option<String>,
    presses: u64,
}

/// Country, and the coordinates in tenths of a degree: one decimal is all that events have.
type PlaceKey = (String, i32, i32);

impl Aggregator {
    /// Nothing is counted yet.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            trackers: HashMap::new(),
            order: VecDeque::new(),
            out_of_order: 0,
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

    /// Adds an event. One from the future, by a clock that is ahead of ours, counts as now: it would push
    /// everything else out of the last hour.
    pub fn add(&mut self, event: &Received, now: Timestamp) {
        let press = &event.press;
        if !self.is_new(press.session_id, press.event.count, press.event.action) {
            return;
        }
        if press.event.action == Action::PressButton {
            let key = (event.received_at.min(now), press.session_id, press.event.count);
            self.count_press(key, &press.place);
        }
    }

    /// Adds something that is no event.
    pub fn add_unreadable(&mut self) {
        self.not_counted += 1;
    }

    fn is_new(&mut self, session: Uuid, count: u64, action: Action) -> bool {
        if !self.trackers.contains_key(&session) {
            self.track(session);
        }
        let has_room = self.out_of_order < self.capacity.out_of_order;
        let Some(tracker) = self.trackers.get_mut(&session) else { return false };
        let was_complete = tracker.is_complete();
        match tracker.insert(count, action == Action::ExitPage, has_room) {
            Insertion::Repeat => return false,
            Insertion::NoRoom => {
                self.not_counted += 1;
                return false;
            }
            Insertion::New { out_of_order } => {
                self.out_of_order = self.out_of_order.saturating_add_signed(out_of_order);
            }
        }
        match (was_complete, tracker.is_complete()) {
            (false, true) => self.complete += 1,
            (true, false) => self.complete -= 1,
            _ => {}
        }
        if action == Action::PressButton {
            tracker.presses = tracker.presses.saturating_add(1);
        }
        true
    }

    /// The presses of one session; `None` for one that is not known (yet, or any more).
    pub fn presses_of(&self, session: Uuid) -> Option<u64> {
        self.trackers.get(&session).map(|tracker| tracker.presses.into())
    }

    fn track(&mut self, session: Uuid) {
        self.sessions += 1;
        if self.order.len() >= self.capacity.sessions
            && let Some(oldest) = self.order.pop_front()
            && let Some(tracker) = self.trackers.remove(&oldest)
        {
            self.out_of_order = self.out_of_order.saturating_sub(tracker.out_of_order());
        }
        self.order.push_back(session);
        self.trackers.insert(session, SessionTracker::default());
    }

    fn count_press(&mut self, key: (Timestamp, Uuid, u64), place: &Arc<Place>) {
        self.presses += 1;
        let second = key.0.micros() / 1_000_000;
        let code = &place.country_code;
        let country = match self.countries.get_mut(code) {
            Some(country) => country,
            None => self
                .countries
                .entry(code.clone())
                .or_insert(CountryPresses { name: place.country_name.clone(), presses: 0 }),
        };
        country.presses += 1;
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
        let has_room = self.places.len() < PLACES;
        if let Some(known) = self.places.get_mut(&key) {
            known.presses += 1;
            // Two cities can be so near to each other: the name must not depend on which came first.
            if place.city_name.is_some()
                && (known.city_name.is_none() || place.city_name < known.city_name)
            {
                known.city_name.clone_from(&place.city_name);
            }
        } else if has_room {
            let new = PlacePresses { city_name: place.city_name.clone(), presses: 1 };
            self.places.insert(key, new);
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
        let last_hour_of = |code: &str| last_hour.get(code).copied().unwrap_or(0);
        let elsewhere = Presses {
            presses: self.countries.get(Place::NO_COUNTRY).map_or(0, |it| it.presses),
            last_hour: last_hour_of(Place::NO_COUNTRY),
        };
        let mut countries: Vec<_> = self
            .countries
            .iter()
            .filter(|(code, _)| *code != Place::NO_COUNTRY)
            .map(|(code, country)| Country {
                code: code.clone(),
                name: country.name.clone(),
                presses: country.presses,
                last_hour: last_hour_of(code),
            })
            .collect();
        // Stable: countries with as many presses stay in the order of their codes.
        countries.sort_by_key(|country| std::cmp::Reverse(country.presses));
        Stats {
            at: now,
            catching_up,
            presses: self.presses,
            presses_last_hour: last_hour.values().sum(),
            sessions: self.sessions,
            complete_sessions: self.complete,
            countries,
            elsewhere,
            places: self.most_pressed_places(),
            latest: self.latest.iter().rev().map(|(key, place)| latest(key.0, place)).collect(),
            per_second: self.seconds.until(second).map(|n| n.copied().unwrap_or(0)).collect(),
            not_counted: self.not_counted,
            you: None,
        }
    }

    fn most_pressed_places(&self) -> Vec<MapPoint> {
        let mut places: Vec<_> = self.places.iter().collect();
        let rank = |a: &(&PlaceKey, &PlacePresses), b: &(&PlaceKey, &PlacePresses)| {
            b.1.presses.cmp(&a.1.presses).then_with(|| a.0.cmp(b.0))
        };
        if places.len() > MAX_PLACES {
            places.select_nth_unstable_by(MAX_PLACES, rank);
            places.truncate(MAX_PLACES);
        }
        places.sort_by(rank);
        let map_point =
            |((code, latitude, longitude), place): (&PlaceKey, &PlacePresses)| MapPoint {
                latitude: f64::from(*latitude) / 10.0,
                longitude: f64::from(*longitude) / 10.0,
                country_code: code.clone(),
                city_name: place.city_name.clone(),
                presses: place.presses,
            };
        places.into_iter().map(map_point).collect()
    }
}

/// A press as it is shown.
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

    fn aggregate(events: &[Received]) -> Stats {
        let mut aggregator = Aggregator::new(Capacity::for_sessions(1000));
        events.iter().for_each(|event| aggregator.add(event, at(NOW)));
        aggregator.stats(at(NOW), None)
    }

    #[test]
    fn visit_is_counted_by_country_place_and_time() {
        let (lisbon, nowhere) = (place("PT", Some("Lisbon"), 387), Place::localhost());
        let stats = aggregate(&[
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
        let (code, name) = ("PT".to_owned(), "Land of PT".to_owned());
        assert_eq!(stats.countries, [Country { code, name, presses: 2, last_hour: 1 }]);
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
    fn presses_of_a_session_are_counted_until_it_is_evicted() {
        let mut aggregator = Aggregator::new(Capacity { sessions: 2, out_of_order: 9 });
        let lisbon = place("PT", None, 387);
        let mut presses = |session, count| {
            aggregator.add(&received(session, count, Action::PressButton, &lisbon, 0), at(NOW));
            [1, 2, 3].map(|session| aggregator.presses_of(Uuid::from_u128(session)))
        };
        assert_eq!(presses(1, 1), [Some(1), None, None]);
        assert_eq!(presses(1, 1), [Some(1), None, None], "a repeat is none");
        assert_eq!(presses(2, 9), [Some(1), Some(1), None]);
        assert_eq!(presses(1, 2), [Some(2), Some(1), None]);
        assert_eq!(presses(3, 1), [None, Some(1), Some(1)], "the oldest is evicted");
    }

    #[test]
    fn event_from_the_future_counts_as_now() {
        let lisbon = place("PT", None, 387);
        let stats = aggregate(&[
            received(1, 1, Action::PressButton, &lisbon, -90_000),
            received(1, 2, Action::PressButton, &lisbon, 60),
        ]);
        assert_eq!(stats.presses_last_hour, 2);
        assert_eq!(stats.latest[0].received_at, at(NOW));
    }

    #[test]
    fn memory_is_bounded() {
        let mut aggregator = Aggregator::new(Capacity { sessions: 10, out_of_order: 5 });
        let lisbon = place("PT", None, 387);
        for session in 0..100 {
            aggregator.add(&received(session, 7, Action::PressButton, &lisbon, 0), at(NOW));
            assert!(aggregator.trackers.len() <= 10 && aggregator.order.len() <= 10);
            assert!(aggregator.out_of_order <= 5);
        }
        let stats = aggregator.stats(at(NOW), None);
        assert_eq!(stats.sessions, 100, "what was evicted stays counted");
        assert_eq!(stats.presses + stats.not_counted, 100);
        // Those that are in order need no room of their own.
        aggregator.add(&received(500, 0, Action::PressButton, &lisbon, 0), at(NOW));
        assert_eq!(aggregator.stats(at(NOW), None).presses, stats.presses + 1);
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
        fn order_and_repeats_change_nothing(
            (events, shuffled) in events().prop_flat_map(|events| {
                let repeated = [events.clone(), events.clone()].concat();
                (Just(events), Just(repeated).prop_shuffle())
            })
        ) {
            prop_assert_eq!(aggregate(&events), aggregate(&shuffled));
        }

        #[test]
        fn stats_equal_a_simple_count(events in events()) {
            let stats = aggregate(&events);
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
                prop_assert_eq!(country.presses, from(&country.code));
            }
            prop_assert_eq!(stats.elsewhere.presses, from("--"));
            let minute = |e: &Received| e.received_at.micros() / 60_000_000;
            let oldest = NOW / 60_000_000 - 59;
            let lately = presses.iter().filter(|e| minute(e) >= oldest).count() as u64;
            prop_assert_eq!(stats.presses_last_hour, lately);
        }
    }
}
