//! Live numbers: `GET /api/stats`, and the events of the stream `GET /api/live`.
//!
//! Read leniently: a relay that is older or newer than a page must not make it blank. Only `at` and `presses`
//! have to be there.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Entries of [`Stats::places`] at the most.
pub const MAX_PLACES: usize = 200;
/// Entries of [`Stats::latest`] at the most.
pub const MAX_LATEST: usize = 12;
/// Length of [`Stats::per_second`].
pub const SECONDS: usize = 180;

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// By the relay's clock.
    pub at: Timestamp,
    /// How much of what was there at the start has been read; `None` when that is done.
    #[serde(default)]
    pub catching_up: Option<Progress>,
    /// All presses.
    pub presses: u64,
    /// Presses of the last 60 minutes, this one included.
    #[serde(default)]
    pub presses_last_hour: u64,
    /// Visits.
    #[serde(default)]
    pub sessions: u64,
    /// Visits that ended, and of which nothing is missing.
    #[serde(default)]
    pub complete_sessions: u64,
    /// Presses by country, most first; countries with none are not there.
    #[serde(default)]
    pub countries: Vec<Country>,
    /// Presses from no country: unknown addresses, private networks, this machine.
    #[serde(default)]
    pub elsewhere: Presses,
    /// Where most presses came from, by rounded coordinates.
    #[serde(default)]
    pub places: Vec<MapPoint>,
    /// The latest presses, newest first.
    #[serde(default)]
    pub latest: Vec<Latest>,
    /// Presses in each of the last seconds, oldest first.
    #[serde(default)]
    pub per_second: Vec<u32>,
    /// Events that could not be told from repeats, or were no events: they are in no other number.
    #[serde(default)]
    pub not_counted: u64,
    /// Of the viewer alone. In a stream it comes as an event of its own, so that the rest can be the same
    /// bytes for all viewers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub you: Option<You>,
}

/// Progress in reading old events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events that were there.
    pub of: u64,
}

/// Presses ever, and of the last 60 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presses {
    /// Ever.
    pub presses: u64,
    /// In the last 60 minutes.
    pub last_hour: u64,
}

/// Presses from one country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Country {
    /// ISO 3166-1 alpha-2 code.
    pub code: String,
    /// English name.
    pub name: String,
    /// Ever.
    pub presses: u64,
    /// In the last 60 minutes.
    #[serde(default)]
    pub last_hour: u64,
}

/// Presses from one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapPoint {
    /// Degrees north, rounded to one decimal.
    pub latitude: f64,
    /// Degrees east, rounded to one decimal.
    pub longitude: f64,
    /// ISO 3166-1 alpha-2 code.
    #[serde(default)]
    pub country_code: String,
    /// English name, where there is one.
    #[serde(default)]
    pub city_name: Option<String>,
    /// How many, ever.
    pub presses: u64,
}

/// One press, without its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Degrees north, rounded to one decimal.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees east, rounded to one decimal.
    #[serde(default)]
    pub longitude: Option<f64>,
}

/// The viewer, as far as the relay knows them. The numbers of their country are among those of all countries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct You {
    /// ISO 3166-1 alpha-2 code of the country that their address is in, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// The presses of the session that they named; `None` without one, or as long as nothing of it is
    /// known.
    #[serde(default)]
    pub presses: Option<u64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALL: &str = r#"{"at":"2026-01-02T03:04:05.000000+00:00","catching_up":{"done":1,"of":2},
        "presses":7,"presses_last_hour":3,"sessions":2,"complete_sessions":1,
        "countries":[{"code":"SE","name":"Sweden","presses":5,"last_hour":3}],
        "elsewhere":{"presses":2,"last_hour":0},
        "places":[{"latitude":59.1,"longitude":12.9,"country_code":"SE","city_name":"Säffle","presses":5}],
        "latest":[{"received_at":"2026-01-02T03:04:04.000000+00:00","country_code":"--",
        "country_name":"Localhost","city_name":null,"latitude":null,"longitude":null}],
        "per_second":[0,1],"not_counted":0,
        "you":{"country_code":"SE","country_name":"Sweden","presses":null}}"#;

    #[test]
    fn stats_are_read_as_they_are_written() {
        let stats: Stats = serde_json::from_str(ALL).unwrap();
        assert_eq!((stats.presses, stats.countries[0].last_hour), (7, 3));
        assert_eq!(stats.latest[0].country_name, "Localhost");
        assert_eq!(stats.catching_up, Some(Progress { done: 1, of: 2 }));
        let written: serde_json::Value = serde_json::to_value(&stats).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(ALL).unwrap());
    }

    #[test]
    fn older_and_newer_relays_are_read() {
        let least = r#"{"at":"2026-01-02T03:04:05.000000+00:00","presses":7,"something_new":{}}"#;
        assert_eq!(serde_json::from_str::<Stats>(least).unwrap().presses, 7);
        let you = r#"{"country_code":"SE","country_name":"Sweden"}"#;
        assert_eq!(serde_json::from_str::<You>(you).unwrap().presses, None);
        assert!(serde_json::from_str::<Stats>("{}").is_err());
    }
}
