//! What the relay tells: the parts of `GET /api/stats` that are shown. Pure.
//!
//! Read leniently: a relay that is older or newer than the page must not make it blank.

use schemas::Timestamp;
use serde::Deserialize;

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Stats {
    /// By the relay's clock.
    pub at: Timestamp,
    /// How much of the old events has been read; `None` when all has.
    #[serde(default)]
    pub catching_up: Option<Progress>,
    /// All presses.
    pub presses: u64,
    /// Presses of the last hour.
    #[serde(default)]
    pub presses_last_hour: u64,
    /// Visits.
    #[serde(default)]
    pub sessions: u64,
    /// Visits that ended, and of which nothing is missing.
    #[serde(default)]
    pub complete_sessions: u64,
    /// By country, most first.
    #[serde(default)]
    pub countries: Vec<Country>,
    /// From no country.
    #[serde(default)]
    pub elsewhere: Presses,
    /// Where most presses came from.
    #[serde(default)]
    pub places: Vec<Spot>,
    /// The latest presses, newest first.
    #[serde(default)]
    pub latest: Vec<Latest>,
    /// In each of the last seconds, oldest first.
    #[serde(default)]
    pub per_second: Vec<u32>,
    /// What is told to this visitor alone; in a stream it comes by itself.
    #[serde(default)]
    pub you: Option<You>,
}

/// The visitor, as far as the relay knows them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct You {
    /// ISO 3166-1 alpha-2 code of the country that their address is in, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// Presses of their session, where one was named and is known.
    #[serde(default)]
    pub presses: Option<u64>,
}

impl You {
    /// Reads what the relay sent; `None` for what is something else.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// How far the reading of old events has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events that were there.
    pub of: u64,
}

/// Presses ever, and of the last hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Presses {
    /// Ever.
    pub presses: u64,
    /// In the last hour.
    pub last_hour: u64,
}

/// Presses from one country.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Country {
    /// ISO 3166-1 alpha-2 code.
    pub code: String,
    /// English name.
    pub name: String,
    /// Ever.
    pub presses: u64,
    /// In the last hour.
    #[serde(default)]
    pub last_hour: u64,
}

/// Presses from one place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Spot {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Ever.
    pub presses: u64,
}

/// One press.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Latest {
    /// When the relay received it.
    pub received_at: Timestamp,
    /// ISO 3166-1 alpha-2 code, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// English name, where there is one.
    #[serde(default)]
    pub city_name: Option<String>,
    /// Degrees north.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(default)]
    pub longitude: Option<f64>,
}

impl Stats {
    /// Reads what the relay sent; `None` for what is something else.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_what_the_relay_writes() {
        let stats = Stats::parse(
            r#"{"at":"2026-01-02T03:04:05.000000+00:00","catching_up":{"done":1,"of":2},"presses":7,
            "presses_last_hour":3,"sessions":2,"complete_sessions":1,
            "countries":[{"code":"SE","name":"Sweden","presses":5,"last_hour":3}],
            "elsewhere":{"presses":2,"last_hour":0},
            "places":[{"latitude":59.1,"longitude":12.9,"country_code":"SE","city_name":"Säffle","presses":5}],
            "latest":[{"received_at":"2026-01-02T03:04:04.000000+00:00","country_code":"--",
            "country_name":"Localhost","city_name":null,"latitude":null,"longitude":null}],
            "per_second":[0,1],"not_counted":0,"something_new":{},
            "you":{"country_code":"SE","country_name":"Sweden","presses":null}}"#,
        )
        .unwrap();
        assert_eq!((stats.presses, stats.countries[0].last_hour), (7, 3));
        assert_eq!(stats.latest[0].country_name, "Localhost");
        let you = r#"{"country_code":"SE","country_name":"Sweden"}"#;
        assert_eq!(stats.you, You::parse(you));
        assert_eq!(stats.catching_up, Some(Progress { done: 1, of: 2 }));
    }

    #[test]
    fn less_is_enough_and_junk_is_nothing() {
        let least = r#"{"at":"2026-01-02T03:04:05.000000+00:00","presses":7}"#;
        assert!(Stats::parse(least).is_some());
        assert_eq!(Stats::parse("<html>"), None);
    }
}
