//! Aggregator: counts each event once, whatever the order and number of its deliveries. Pure: the time is a
//! parameter.

use crate::{
    options::LiveOptions,
    session_tracker::{InsertResult, SessionTracker},
    window::Window,
};
use hashbrown::Equivalent;
use schemas::{
    Action, MAX_COUNT, Place, Received, Timestamp, Uuid,
    stats::{Country, Latest, MAX_LATEST, MAX_PLACES, MapPoint, Presses, Progress, SECONDS, Stats},
};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::RandomState,
    sync::Arc,
};

/// Length of "the last hour" in minutes.
const HOUR_MINUTES: usize = 60;

/// Places that are counted separately. The earth has six million points at one decimal; databases name some
/// hundred thousand cities.
const MAX_COUNTED_PLACES: usize = 100_000;

/// Longest name of a country or city. The longest that geo databases have is of 100 bytes.
const MAX_NAME_BYTES: usize = 200;

/// Bounds of the memory use.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Sessions whose duplicate events are recognised. The oldest are evicted first; their events stay
    /// counted.
    pub sessions: usize,
    /// Counts of all sessions that are kept separately because earlier ones are missing.
    pub out_of_order: usize,
}

impl Capacity {
    /// For this number of sessions.
    pub fn for_sessions(sessions: usize) -> Self {
        Self { sessions, out_of_order: sessions }
    }
}

/// Counters of all events so far.
pub struct Aggregator {
    capacity: Capacity,
    options: LiveOptions,
    trackers: HashMap<Uuid, SessionTracker>,
    /// The tracked sessions, oldest first.
    order: VecDeque<Uuid>,
    out_of_order: usize,
    sessions: u64,
    complete_sessions: u64,
    presses: u64,
    not_counted: u64,
    countries: BTreeMap<String, CountryPresses>,
    places: hashbrown::HashMap<PlaceKey, PlacePresses, RandomState>,
    hour: Window<BTreeMap<String, u32>>,
    seconds: Window<u32>,
    latest: BTreeMap<(Timestamp, Uuid, u64), Arc<Place>>,
}

struct CountryPresses {
    name: String,
    presses: u64,
}

/// A place. Cities at the same coordinates are places of their own: a city with few visits must not be named because
/// of another one.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct PlaceKey {
    country_code: String,
    /// Degrees north and east in tenths, the precision of events.
    point: Option<(i32, i32)>,
    city_name: Option<String>,
}

/// The same with borrowed names, for look-ups. Its hash is that of the key.
#[derive(PartialEq, Eq, Hash)]
struct PlaceRef<'a> {
    country_code: &'a str,
    point: Option<(i32, i32)>,
    city_name: Option<&'a str>,
}

impl<'a> PlaceRef<'a> {
    /// `None` if only the country is known, or not even that.
    fn new(place: &'a Place) -> Option<Self> {
        // `as` saturates, and turns NaN into 0.
        let tenths = |degrees: f64| (degrees * 10.0).round() as i32;
        let point = place.latitude.zip(place.longitude);
        let point = point.map(|(north, east)| (tenths(north), tenths(east)));
        let city_name = place.city_name.as_deref();
        let is_known = point.is_some() || city_name.is_some();
        is_known.then_some(Self { country_code: &place.country_code, point, city_name })
    }

    fn to_key(&self) -> PlaceKey {
        PlaceKey {
            country_code: self.country_code.to_owned(),
            point: self.point,
            city_name: self.city_name.map(str::to_owned),
        }
    }
}

impl Equivalent<PlaceKey> for PlaceRef<'_> {
    fn equivalent(&self, key: &PlaceKey) -> bool {
        let PlaceKey { country_code, point, city_name } = key;
        *self == PlaceRef { country_code, point: *point, city_name: city_name.as_deref() }
    }
}

#[derive(Default)]
struct PlacePresses {
    presses: u64,
    /// The sessions with a press, while there are too few of them to name the place.
    visits: Vec<Uuid>,
    is_named: bool,
}

impl PlacePresses {
    fn add(&mut self, session: Uuid, min_visits: u32) {
        self.presses += 1;
        if self.is_named || self.visits.contains(&session) {
            return;
        }
        self.visits.push(session);
        if self.visits.len() >= min_visits as usize {
            self.is_named = true;
            self.visits = Vec::new();
        }
    }
}

impl Aggregator {
    /// An aggregator of no events.
    pub fn new(capacity: Capacity, options: LiveOptions) -> Self {
        Self {
            capacity,
            options,
            trackers: HashMap::new(),
            order: VecDeque::new(),
            out_of_order: 0,
            sessions: 0,
            complete_sessions: 0,
            presses: 0,
            not_counted: 0,
            countries: BTreeMap::new(),
            places: hashbrown::HashMap::default(),
            hour: Window::new(HOUR_MINUTES),
            seconds: Window::new(SECONDS),
            latest: BTreeMap::new(),
        }
    }

    /// Adds an event. One that is later than `now`, by the clock of another relay, counts as of `now`: it
    /// would move the last hour into the future. One with a count that no page reaches is not counted, as by
    /// `button audit`: its session could never be complete.
    pub fn add(&mut self, event: &Received, now: Timestamp) {
        let press = &event.press;
        if press.event.count > MAX_COUNT {
            self.not_counted += 1;
            return;
        }
        let is_new = self.track(press.session_id, press.event.count, press.event.action);
        if is_new && press.event.action == Action::PressButton {
            let key = (event.received_at.min(now), press.session_id, press.event.count);
            self.count_press(key, &bounded(&press.place));
        }
    }

    /// Adds a message that holds no valid event.
    pub fn add_unreadable(&mut self) {
        self.not_counted += 1;
    }

    /// Inserts the event into its session's tracker; returns whether it is new.
    fn track(&mut self, session: Uuid, count: u64, action: Action) -> bool {
        if !self.trackers.contains_key(&session) {
            self.add_session(session);
        }
        let has_capacity = self.out_of_order < self.capacity.out_of_order;
        let Some(tracker) = self.trackers.get_mut(&session) else { return false };
        self.out_of_order -= tracker.out_of_order();
        self.complete_sessions -= u64::from(tracker.is_complete());
        let result = tracker.insert(count, action == Action::ExitPage, has_capacity);
        self.out_of_order += tracker.out_of_order();
        self.complete_sessions += u64::from(tracker.is_complete());
        match result {
            InsertResult::Full => self.not_counted += 1,
            InsertResult::New | InsertResult::Duplicate => {}
        }
        result == InsertResult::New
    }

    /// Starts tracking a session; evicts the oldest one if the capacity is reached.
    fn add_session(&mut self, session: Uuid) {
        self.sessions += 1;
        if self.order.len() >= self.capacity.sessions
            && let Some(oldest) = self.order.pop_front()
            && let Some(tracker) = self.trackers.remove(&oldest)
        {
            self.out_of_order -= tracker.out_of_order();
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
        if let Some(countries) = self.hour.bucket(second / 60) {
            match countries.get_mut(code) {
                Some(presses) => *presses += 1,
                None => drop(countries.insert(code.clone(), 1)),
            }
        }
        if let Some(presses) = self.seconds.bucket(second) {
            *presses += 1;
        }
        self.count_place(key.1, place);
        self.insert_latest(key, place);
    }

    fn count_place(&mut self, session: Uuid, place: &Place) {
        let Some(key) = PlaceRef::new(place) else { return };
        let min_visits = self.options.min_visits;
        let has_capacity = self.places.len() < MAX_COUNTED_PLACES;
        if let Some(presses) = self.places.get_mut(&key) {
            presses.add(session, min_visits);
        } else if has_capacity {
            self.places.entry(key.to_key()).or_default().add(session, min_visits);
        }
    }

    /// Whether the place has enough visits to be named. One beyond the capacity is not known to have them.
    fn is_named(&self, place: &Place) -> bool {
        let presses = PlaceRef::new(place).and_then(|key| self.places.get(&key));
        presses.is_some_and(|it| it.is_named)
    }

    fn insert_latest(&mut self, key: (Timestamp, Uuid, u64), place: &Arc<Place>) {
        let oldest = self.latest.first_key_value().map(|(oldest, _)| *oldest);
        if self.latest.len() >= MAX_LATEST && oldest.is_some_and(|oldest| key < oldest) {
            return;
        }
        self.latest.insert(key, Arc::clone(place));
        if self.latest.len() > MAX_LATEST {
            self.latest.pop_first();
        }
    }

    /// The numbers at `now`.
    pub fn stats(&self, now: Timestamp, catching_up: Option<Progress>) -> Stats {
        let second = now.micros() / 1_000_000;
        let mut last_hour = BTreeMap::<&str, u64>::new();
        for countries in self.hour.ending_at(second / 60).flatten() {
            for (code, presses) in countries {
                *last_hour.entry(code).or_default() += u64::from(*presses);
            }
        }
        let last_hour_of = |code: &str| last_hour.get(code).copied().unwrap_or(0);
        let elsewhere = Presses {
            presses: self.countries.get(Place::NO_COUNTRY).map_or(0, |country| country.presses),
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
        // Stable: countries with equal presses stay in the order of their codes.
        countries.sort_by_key(|country| std::cmp::Reverse(country.presses));
        Stats {
            at: now.whole_seconds(),
            catching_up,
            presses: self.presses,
            presses_last_hour: last_hour.values().sum(),
            sessions: self.sessions,
            complete_sessions: self.complete_sessions,
            countries,
            elsewhere,
            places: self.top_map_points(),
            latest: self
                .latest
                .iter()
                .rev()
                .map(|(key, place)| latest(key.0, place, self.is_named(place)))
                .collect(),
            per_second: self.seconds.ending_at(second).map(|n| n.copied().unwrap_or(0)).collect(),
            not_counted: self.not_counted,
            min_visits: self.options.min_visits,
            pretended: false,
            geo_database: None,
            you: None,
        }
    }

    fn top_map_points(&self) -> Vec<MapPoint> {
        let mut points: Vec<_> =
            self.places.iter().filter(|(key, it)| it.is_named && key.point.is_some()).collect();
        let rank = |a: &(&PlaceKey, &PlacePresses), b: &(&PlaceKey, &PlacePresses)| {
            b.1.presses.cmp(&a.1.presses).then_with(|| a.0.cmp(b.0))
        };
        if points.len() > MAX_PLACES {
            points.select_nth_unstable_by(MAX_PLACES, rank);
            points.truncate(MAX_PLACES);
        }
        points.sort_by(rank);
        let point = |(key, it): (&PlaceKey, &PlacePresses)| {
            let (north, east) = key.point?;
            Some(MapPoint {
                latitude: f64::from(north) / 10.0,
                longitude: f64::from(east) / 10.0,
                country_code: key.country_code.clone(),
                city_name: key.city_name.clone(),
                presses: it.presses,
            })
        };
        points.into_iter().filter_map(point).collect()
    }
}

/// The place, unless its texts could fill the memory, as other writers' messages can: there are 676 codes of two
/// letters, any other is elsewhere.
fn bounded(place: &Arc<Place>) -> Arc<Place> {
    let code = &place.country_code;
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_code && code != Place::NO_COUNTRY {
        return Arc::new(Place::unknown());
    }
    let is_long = |name: &String| name.len() > MAX_NAME_BYTES;
    if !is_long(&place.country_name) && !place.city_name.as_ref().is_some_and(is_long) {
        return Arc::clone(place);
    }
    let Place { country_name, city_name, latitude, longitude, .. } = &**place;
    Arc::new(Place {
        country_code: code.clone(),
        country_name: if is_long(country_name) { code.clone() } else { country_name.clone() },
        city_name: city_name.clone().filter(|name| !is_long(name)),
        latitude: *latitude,
        longitude: *longitude,
        ..Place::unknown()
    })
}

/// A press in the list of the latest; of a place that is not named, with the country alone.
fn latest(received_at: Timestamp, place: &Place, is_named: bool) -> Latest {
    Latest {
        received_at: received_at.whole_seconds(),
        country_code: place.country_code.clone(),
        country_name: place.country_name.clone(),
        city_name: place.city_name.clone().filter(|_| is_named),
        latitude: place.latitude.filter(|_| is_named),
        longitude: place.longitude.filter(|_| is_named),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use schemas::{ButtonPress, Event};
    use std::collections::BTreeSet;

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
        aggregate_with(LiveOptions::default(), events)
    }

    fn aggregate_with(options: LiveOptions, events: &[Received]) -> Stats {
        let mut aggregator = Aggregator::new(Capacity::for_sessions(1000), options);
        events.iter().for_each(|event| aggregator.add(event, at(NOW)));
        aggregator.stats(at(NOW), None)
    }

    #[test]
    fn presses_are_counted_by_country_map_point_and_time() {
        let (lisbon, nowhere) = (place("PT", Some("Lisbon"), 387), Place::localhost());
        let stats = aggregate_with(
            LiveOptions { min_visits: 1 },
            &[
                received(1, 0, Action::EnterPage, &lisbon, 9),
                received(1, 1, Action::PressButton, &lisbon, 8),
                received(1, 1, Action::PressButton, &lisbon, 8),
                received(1, 2, Action::PressButton, &lisbon, 7200),
                received(1, 3, Action::ExitPage, &lisbon, 1),
                received(2, 0, Action::EnterPage, &nowhere, 5),
                received(2, 1, Action::PressButton, &nowhere, 4),
            ],
        );
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

    /// Other content under the same session and count changes nothing, in either direction.
    #[test]
    fn first_event_of_a_count_decides() {
        let (lisbon, nowhere) = (place("PT", Some("Lisbon"), 387), Place::localhost());
        let first = [
            received(1, 0, Action::EnterPage, &lisbon, 9),
            received(1, 1, Action::PressButton, &lisbon, 8),
            received(1, 2, Action::ExitPage, &lisbon, 7),
        ];
        let second = [
            received(1, 0, Action::PressButton, &nowhere, 3),
            received(1, 1, Action::ExitPage, &nowhere, 2),
            received(1, 2, Action::PressButton, &nowhere, 7200),
        ];
        let stats = aggregate(&first);
        assert_eq!((stats.presses, stats.complete_sessions), (1, 1));
        assert_eq!(aggregate(&[&first[..], &second].concat()), stats);
    }

    #[test]
    fn place_is_named_from_three_visits_on() {
        let (lisbon, almada) = (place("PT", Some("Lisbon"), 387), place("PT", Some("Almada"), 387));
        let press = |session, count, place| {
            received(session, count, Action::PressButton, place, session as i64)
        };
        let mut events = vec![
            // A visitor alone, who presses often, and one in a city at the same point.
            press(1, 1, &lisbon),
            press(1, 2, &lisbon),
            press(1, 3, &lisbon),
            press(2, 1, &lisbon),
            press(4, 1, &almada),
            // A visit without a press, which is not shown.
            received(5, 0, Action::EnterPage, &lisbon, 1),
        ];
        let before = aggregate(&events);
        assert_eq!(before.min_visits, 3);
        assert_eq!((before.presses, before.countries[0].presses), (5, 5));
        let text = serde_json::to_string(&before).unwrap();
        for secret in ["Lisbon", "Almada", "38.7", "-7.3"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert_eq!(before.latest.len(), 5);
        assert!(before.latest.iter().all(|press| press.country_name == "Land of PT"));

        events.push(press(3, 1, &lisbon));
        let after = aggregate(&events);
        assert_eq!(after.places.len(), 1);
        assert_eq!(after.places[0].city_name.as_deref(), Some("Lisbon"));
        assert_eq!((after.places[0].latitude, after.places[0].presses), (38.7, 5), "all of them");
        let named = after.latest.iter().filter(|press| press.latitude == Some(38.7)).count();
        assert_eq!((named, after.latest.len()), (5, 6));
        assert!(!serde_json::to_string(&after).unwrap().contains("Almada"));

        let all = aggregate_with(LiveOptions { min_visits: 1 }, &events);
        let cities: Vec<_> = all.places.iter().filter_map(|it| it.city_name.as_deref()).collect();
        assert_eq!(cities, ["Lisbon", "Almada"]);
    }

    #[test]
    fn place_without_coordinates_is_named_in_the_latest_alone() {
        let lisbon = Place { latitude: None, longitude: None, ..place("PT", Some("Lisbon"), 387) };
        let press = |session| received(session, 1, Action::PressButton, &lisbon, 0);
        let two = aggregate(&[press(1), press(2)]);
        assert!(two.latest.iter().all(|press| press.city_name.is_none()));
        let three = aggregate(&[press(1), press(2), press(3)]);
        assert_eq!(three.places, []);
        assert!(three.latest.iter().all(|press| press.city_name.as_deref() == Some("Lisbon")));
    }

    #[test]
    fn visits_are_those_of_different_sessions_whatever_the_order() {
        let [lisbon, porto] = [place("PT", Some("Lisbon"), 387), place("PT", Some("Porto"), 412)];
        // Two visitors who travel to and fro.
        let travels: Vec<_> = (0..20_u64)
            .map(|at| {
                let place = if at % 4 < 2 { &lisbon } else { &porto };
                received(u128::from(at % 2), at / 2, Action::PressButton, place, 0)
            })
            .collect();
        assert_eq!(aggregate(&travels).places, []);
        let backwards: Vec<_> = travels.into_iter().rev().collect();
        assert_eq!(aggregate(&backwards).places, []);
    }

    #[test]
    fn times_are_in_whole_seconds() {
        let mut event = received(1, 1, Action::PressButton, &place("PT", None, 387), 5);
        event.received_at = at(event.received_at.micros() + 123_456);
        let mut aggregator = Aggregator::new(Capacity::for_sessions(9), LiveOptions::default());
        aggregator.add(&event, at(NOW));
        let stats = aggregator.stats(at(NOW + 999_999), None);
        assert_eq!((stats.at, stats.latest[0].received_at), (at(NOW), at(NOW - 5_000_000)));
    }

    #[test]
    fn place_beyond_the_capacity_is_not_named() {
        let mut aggregator =
            Aggregator::new(Capacity::for_sessions(9), LiveOptions { min_visits: 1 });
        for tenths in 0..=MAX_COUNTED_PLACES as i32 {
            let point = place("PT", Some("Lisbon"), tenths);
            let count = u64::from(tenths.unsigned_abs());
            aggregator.add(&received(1, count, Action::PressButton, &point, 0), at(NOW));
        }
        let stats = aggregator.stats(at(NOW), None);
        let named = stats.latest.iter().filter(|press| press.city_name.is_some()).count();
        assert_eq!((named, stats.latest.len()), (MAX_LATEST - 1, MAX_LATEST));
    }

    #[test]
    fn event_from_the_future_counts_as_of_now() {
        let lisbon = place("PT", None, 387);
        let stats = aggregate(&[
            received(1, 1, Action::PressButton, &lisbon, -90_000),
            received(1, 2, Action::PressButton, &lisbon, 60),
        ]);
        assert_eq!(stats.presses_last_hour, 2);
        assert_eq!(stats.latest[0].received_at, at(NOW));
    }

    #[test]
    fn event_with_a_count_above_the_maximum_is_not_counted() {
        let lisbon = place("PT", None, 387);
        let press = |count| received(1, count, Action::PressButton, &lisbon, 0);
        let exit = received(1, 2, Action::ExitPage, &lisbon, 0);
        let events = [press(0), press(1), press(MAX_COUNT + 1), exit];
        let stats = aggregate(&events);
        assert_eq!((stats.presses, stats.not_counted, stats.complete_sessions), (2, 1, 1));
    }

    #[test]
    fn trackers_stay_within_capacity() {
        let mut aggregator =
            Aggregator::new(Capacity { sessions: 10, out_of_order: 5 }, LiveOptions::default());
        let lisbon = place("PT", None, 387);
        for session in 0..100 {
            aggregator.add(&received(session, 7, Action::PressButton, &lisbon, 0), at(NOW));
            assert!(aggregator.trackers.len() <= 10 && aggregator.order.len() <= 10);
            assert!(aggregator.out_of_order <= 5);
        }
        let stats = aggregator.stats(at(NOW), None);
        assert_eq!(stats.sessions, 100, "evicted sessions stay counted");
        assert_eq!(stats.presses + stats.not_counted, 100);
        // An event in order needs no capacity.
        aggregator.add(&received(500, 0, Action::PressButton, &lisbon, 0), at(NOW));
        assert_eq!(aggregator.stats(at(NOW), None).presses, stats.presses + 1);
    }

    #[test]
    fn places_of_other_writers_stay_within_bounds() {
        let mut aggregator =
            Aggregator::new(Capacity::for_sessions(9), LiveOptions { min_visits: 1 });
        let mut presses = 0;
        let mut add = |place: &Place| {
            let count = presses;
            presses += 1;
            aggregator.add(&received(1, count, Action::PressButton, place, 0), at(NOW));
        };
        for number in 0..2000 {
            add(&place(&format!("{number}"), Some("Nowhere"), 387));
            add(&place(&char::from(b'A' + (number % 26) as u8).to_string(), None, 387));
        }
        for code in ["", "pt", "PTX", "-", "---", "ÄÖ", "P\n"] {
            add(&place(code, None, 387));
        }
        let long = "x".repeat(60_000);
        add(&Place { country_name: long.clone(), ..place("PT", Some(&long), 387) });
        add(&place("PT", Some("Lisbon"), 388));
        let stats = aggregator.stats(at(NOW), None);
        assert_eq!(stats.presses, presses);
        assert_eq!((stats.countries.len(), stats.countries[0].presses), (1, 2));
        assert_eq!(stats.elsewhere.presses, presses - 2);
        assert_eq!(stats.places.len(), 2);
        assert!(serde_json::to_string(&stats).unwrap().len() < 10_000);
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
            // Events with the same session and count are equal.
            let mut unique = HashMap::new();
            let event = |(session, count, action, city, ago): (u128, u64, Action, i32, i64)| {
                let place = match city {
                    0 => Place::unknown(),
                    1 => place("PT", Some("Lisbon"), 387),
                    2 => place("PT", Some("Almada"), 387),
                    _ => place("SE", None, 591),
                };
                let event = received(session, count, action, &place, ago);
                unique.entry((session, count)).or_insert(event).clone()
            };
            list.into_iter().map(event).collect()
        })
    }

    proptest! {
        #[test]
        fn order_and_duplicates_do_not_change_stats(
            (events, shuffled) in events().prop_flat_map(|events| {
                let duplicated = [events.clone(), events.clone()].concat();
                (Just(events), Just(duplicated).prop_shuffle())
            })
        ) {
            prop_assert_eq!(aggregate(&events), aggregate(&shuffled));
        }

        #[test]
        fn stats_equal_those_of_simple_count(events in events()) {
            let stats = aggregate(&events);
            let mut unique = BTreeMap::new();
            for event in &events {
                unique.insert((event.press.session_id, event.press.event.count), event);
            }
            let presses: Vec<_> =
                unique.values().filter(|e| e.press.event.action == Action::PressButton).collect();
            prop_assert_eq!(stats.presses, presses.len() as u64);
            let mut sessions = BTreeMap::<Uuid, Vec<_>>::new();
            for ((session, count), event) in &unique {
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
            for city in ["Lisbon", "Almada"] {
                let here = |e: &&&&Received| e.press.place.city_name.as_deref() == Some(city);
                let here: Vec<_> = presses.iter().filter(here).collect();
                let visits: BTreeSet<_> = here.iter().map(|e| e.press.session_id).collect();
                let named = stats.places.iter().find(|it| it.city_name.as_deref() == Some(city));
                let expected = (visits.len() >= 3).then_some(here.len() as u64);
                prop_assert_eq!(named.map(|place| place.presses), expected);
                let is_named = |latest: &Latest| latest.city_name.as_deref() == Some(city);
                prop_assert!(expected.is_some() || !stats.latest.iter().any(is_named));
            }
            let minute = |e: &Received| e.received_at.micros() / 60_000_000;
            let oldest = NOW / 60_000_000 - 59;
            let last_hour = presses.iter().filter(|e| minute(e) >= oldest).count() as u64;
            prop_assert_eq!(stats.presses_last_hour, last_hour);
        }
    }
}
