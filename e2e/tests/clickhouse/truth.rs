//! What ClickHouse must answer, counted from every message of the topic as `button tail` prints it.

use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

/// Every event by its identity, as it was received first.
pub struct Truth {
    /// Messages, repeats included.
    pub messages: u64,
    /// Messages that were received later than another one with the same identity.
    pub late: usize,
    events: BTreeMap<(String, u64), Value>,
}

impl Truth {
    /// Reads the lines of `button tail --json`.
    pub fn of(lines: &[Value]) -> Self {
        let mut events = BTreeMap::new();
        let mut late = 0;
        for line in lines {
            let identity = (text(line, "session_id"), line["count"].as_u64().unwrap());
            let first = events.entry(identity).or_insert_with(|| line.clone());
            late += usize::from(line["received_at"] != first["received_at"]);
            if text(line, "received_at") < text(first, "received_at") {
                *first = line.clone();
            }
        }
        Self { messages: lines.len() as u64, late, events }
    }

    /// Identities.
    pub fn events(&self) -> u64 {
        self.events.len() as u64
    }

    fn presses(&self, window: impl Fn(&str) -> bool) -> impl Iterator<Item = &Value> {
        self.events
            .values()
            .filter(move |event| event["action"] == "PressButton" && window(&time(event)))
    }

    /// `[minute, presses]`.
    pub fn presses_by_minute(&self, window: impl Fn(&str) -> bool) -> Vec<Value> {
        let mut minutes: BTreeMap<String, u64> = BTreeMap::new();
        for press in self.presses(window) {
            *minutes.entry(time(press)[..16].replace('T', " ") + ":00").or_default() += 1;
        }
        minutes.into_iter().map(|(minute, presses)| json!([minute, presses])).collect()
    }

    /// `[code, name, presses, sessions]`, most presses first.
    pub fn presses_by_country(&self, window: impl Fn(&str) -> bool) -> Vec<Value> {
        let mut countries: BTreeMap<(String, String), (u64, HashSet<String>)> = BTreeMap::new();
        for press in self.presses(window) {
            let country = (text(press, "country_name"), text(press, "country_code"));
            let (presses, sessions) = countries.entry(country).or_default();
            *presses += 1;
            sessions.insert(text(press, "session_id"));
        }
        // A stable sort: countries with as many presses stay in the order of their names.
        let mut countries: Vec<_> = countries.into_iter().collect();
        countries.sort_by_key(|(_, (presses, _))| Reverse(*presses));
        let rows = countries.into_iter().map(|((name, code), (presses, sessions))| {
            json!([code, name, presses, sessions.len()])
        });
        rows.collect()
    }

    /// The sessions that began in the window, each with its events in order.
    fn sessions(&self, window: impl Fn(&str) -> bool) -> Vec<Vec<&Value>> {
        let mut sessions: HashMap<&str, Vec<&Value>> = HashMap::new();
        for ((session, _), event) in &self.events {
            sessions.entry(session).or_default().push(event);
        }
        let began = |session: &Vec<&Value>| session.iter().map(|event| time(event)).min().unwrap();
        sessions.into_values().filter(|session| window(&began(session))).collect()
    }

    /// `[sessions, complete, with gaps, unfinished, known events, lost events]`.
    pub fn completeness(&self, window: impl Fn(&str) -> bool) -> Value {
        let mut numbers = [0; 6];
        for session in self.sessions(window) {
            let lost = lost(&session).len();
            let ended = session.last().unwrap()["action"] == "ExitPage";
            numbers[0] += 1;
            numbers[1] += usize::from(lost == 0 && ended);
            numbers[2] += usize::from(lost > 0);
            numbers[3] += usize::from(lost == 0 && !ended);
            numbers[4] += session.len();
            numbers[5] += lost;
        }
        json!(numbers)
    }

    /// `[session, count]` of each, in no particular order.
    pub fn lost_events(&self, window: impl Fn(&str) -> bool) -> Vec<Value> {
        let sessions = self.sessions(window);
        let rows = sessions.iter().flat_map(|session| {
            lost(session).into_iter().map(|count| json!([session[0]["session_id"], count]))
        });
        rows.collect()
    }

    /// `[cohort, sessions, presses, complete]`.
    pub fn cohorts(&self, window: impl Fn(&str) -> bool) -> Vec<Value> {
        let mut cohorts: BTreeMap<i64, [usize; 3]> = BTreeMap::new();
        for session in self.sessions(window) {
            let cohort = cohorts.entry(session[0]["cohort"].as_i64().unwrap()).or_default();
            let ended = session.last().unwrap()["action"] == "ExitPage";
            cohort[0] += 1;
            cohort[1] += session.iter().filter(|event| event["action"] == "PressButton").count();
            cohort[2] += usize::from(lost(&session).is_empty() && ended);
        }
        let row = |(cohort, [sessions, presses, complete]): (i64, [usize; 3])| {
            json!([cohort, sessions, presses, complete])
        };
        cohorts.into_iter().map(row).collect()
    }

    /// `[half, most, longest]`, in seconds from the visitor's clock to the relay's.
    pub fn latency(&self, window: impl Fn(&str) -> bool) -> Value {
        let micros = |event: &Value, name: &str| {
            schemas::Timestamp::parse(&text(event, name)).unwrap().micros()
        };
        let inside = self.events.values().filter(|event| window(&time(event)));
        let mut took: Vec<_> =
            inside.map(|event| micros(event, "received_at") - micros(event, "timestamp")).collect();
        took.sort_unstable();
        let seconds = |index: usize| took[index] as f64 / 1e6;
        let quantile = |level: f64| seconds((level * took.len() as f64) as usize);
        json!([quantile(0.5), quantile(0.95), seconds(took.len() - 1)])
    }
}

/// The counts below the session's highest that are not there.
fn lost(session: &[&Value]) -> Vec<u64> {
    let there: HashSet<u64> =
        session.iter().map(|event| event["count"].as_u64().unwrap()).collect();
    (0..*there.iter().max().unwrap()).filter(|count| !there.contains(count)).collect()
}

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap().to_owned()
}

/// When it happened, in a form whose order is that of time: all are UTC with microseconds.
fn time(event: &Value) -> String {
    text(event, "timestamp")[..26].to_owned()
}
