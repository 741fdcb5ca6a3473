//! What any database with the events must answer, counted here from every single message. It knows
//! nothing of SQL.

use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

/// Every event by its identity, as it was received first.
pub struct Truth {
    /// Messages, repeats included.
    pub messages: u64,
    /// Messages that were received at another time than the first one with their identity.
    pub late: usize,
    events: BTreeMap<(String, u64), Value>,
}

/// A session and what is there of it.
pub struct Session {
    /// Its id.
    pub id: String,
    /// Its group of visitors.
    pub cohort: Option<i64>,
    /// When its first event happened, as ISO 8601 in UTC with microseconds, without the zone.
    pub started: String,
    /// When its last one did.
    pub ended: String,
    /// Events that are there.
    pub events: u64,
    /// Presses that are there.
    pub presses: u64,
    /// Counts below the highest that are not there.
    pub lost: Vec<u64>,
    /// Whether the event with the highest count is an ExitPage.
    pub has_end: bool,
}

impl Session {
    /// Whether it has its end and all before it.
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.has_end
    }
}

/// The sums over sessions.
#[derive(Default)]
pub struct Sums {
    /// Sessions.
    pub sessions: u64,
    /// Presses that are there.
    pub presses: u64,
    /// Complete sessions.
    pub complete: u64,
    /// Sessions that lack an event before their last one.
    pub with_gaps: u64,
    /// Sessions that lack nothing so far, and have no end.
    pub unfinished: u64,
    /// Events that are there.
    pub events: u64,
    /// Events that are not, while later ones are.
    pub lost: u64,
}

impl Sums {
    /// Adds a session.
    pub fn add(&mut self, session: &Session) {
        self.sessions += 1;
        self.presses += session.presses;
        self.complete += u64::from(session.is_complete());
        self.with_gaps += u64::from(!session.lost.is_empty());
        self.unfinished += u64::from(session.lost.is_empty() && !session.has_end);
        self.events += session.events;
        self.lost += session.lost.len() as u64;
    }

    /// The sums over these.
    pub fn of(sessions: &[Session]) -> Self {
        let mut sums = Self::default();
        sessions.iter().for_each(|session| sums.add(session));
        sums
    }
}

impl Truth {
    /// Of messages in the form of the lines of `button tail --json`.
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

    /// Of some of the events alone.
    pub fn only(&self, wanted: impl Fn(&Value) -> bool) -> Self {
        let some = self.events.iter().filter(|(_, event)| wanted(event));
        let events: BTreeMap<_, _> = some.map(|(id, event)| (id.clone(), event.clone())).collect();
        Self { messages: events.len() as u64, late: 0, events }
    }

    /// Identities.
    pub fn events(&self) -> u64 {
        self.events.len() as u64
    }

    /// The presses that happened in the window: its two ends, in the form of [`Session::started`],
    /// included.
    pub fn presses(&self, window: [&str; 2]) -> Vec<&Value> {
        let all = self.events.values();
        all.filter(|event| event["action"] == "PressButton" && is_in(window, &time(event)))
            .collect()
    }

    /// Presses in each span of so many seconds, by its beginning in seconds since 1970.
    pub fn presses_by_time(&self, window: [&str; 2], seconds: i64) -> BTreeMap<i64, u64> {
        let mut spans = BTreeMap::new();
        for press in self.presses(window) {
            *spans.entry(span(&time(press), seconds)).or_default() += 1;
        }
        spans
    }

    /// `[code, name, presses, sessions]`, most presses first, then by name.
    pub fn presses_by_country(&self, window: [&str; 2]) -> Vec<Value> {
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

    /// The sessions that began in the window, by their ids.
    pub fn sessions(&self, window: [&str; 2]) -> Vec<Session> {
        let mut sessions: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for ((session, _), event) in &self.events {
            sessions.entry(session).or_default().push(event);
        }
        let sessions = sessions.into_iter().map(|(id, events)| {
            let last = events.last().unwrap();
            let there: BTreeSet<_> =
                events.iter().map(|event| event["count"].as_u64().unwrap()).collect();
            Session {
                id: id.to_owned(),
                cohort: last["cohort"].as_i64(),
                started: events.iter().map(|event| time(event)).min().unwrap(),
                ended: events.iter().map(|event| time(event)).max().unwrap(),
                events: events.len() as u64,
                presses: events.iter().filter(|event| event["action"] == "PressButton").count()
                    as u64,
                lost: (0..last["count"].as_u64().unwrap())
                    .filter(|count| !there.contains(count))
                    .collect(),
                has_end: last["action"] == "ExitPage",
            }
        });
        sessions.filter(|session| is_in(window, &session.started)).collect()
    }

    /// Each event of the window: when it happened, and how many microseconds later it was received.
    pub fn each(&self, window: [&str; 2]) -> Vec<(String, i64)> {
        let inside = self.events.values().filter(|event| is_in(window, &time(event)));
        let took =
            |event: &Value| micros(&text(event, "received_at")) - micros(&text(event, "timestamp"));
        inside.map(|event| (time(event), took(event))).collect()
    }

    /// How long the events of the window took, in microseconds, the shortest first.
    pub fn latencies(&self, window: [&str; 2]) -> Vec<i64> {
        let mut took: Vec<_> = self.each(window).into_iter().map(|(_, took)| took).collect();
        took.sort_unstable();
        took
    }
}

/// The beginning of the span of so many seconds in which this time is, in seconds since 1970.
pub fn span(time: &str, seconds: i64) -> i64 {
    (micros(time).div_euclid(1_000_000)).div_euclid(seconds) * seconds
}

fn micros(time: &str) -> i64 {
    let zoned = if time.len() == 26 { format!("{time}+00:00") } else { time.to_owned() };
    schemas::Timestamp::parse(&zoned).unwrap().micros()
}

/// Texts with microseconds, so their order is that of time.
fn is_in([from, to]: [&str; 2], time: &str) -> bool {
    from <= time && time <= to
}

fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap().to_owned()
}

/// When it happened; all are UTC with microseconds.
fn time(event: &Value) -> String {
    text(event, "timestamp")[..26].to_owned()
}
