//! Live numbers: `GET /api/stats`, and the events of the stream `GET /api/live`.
//!
//! All fields but `at` and `presses` are optional and unknown ones are ignored, so that a page works with an
//! older or newer relay.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::ops::Not;

/// Maximum number of [`Stats::places`].
pub const MAX_PLACES: usize = 200;
/// Maximum number of [`Stats::latest`] presses.
pub const MAX_LATEST: usize = 12;
/// Length of [`Stats::per_second`].
pub const SECONDS: usize = 180;

/// Live numbers at a point in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Time by the relay's clock, in whole seconds.
    pub at: Timestamp,
    /// Progress in reading the events from before the start; `None` when done.
    #[serde(default)]
    pub catching_up: Option<Progress>,
    /// All presses.
    pub presses: u64,
    /// Presses of the last 60 minutes, including the current one.
    #[serde(default)]
    pub presses_last_hour: u64,
    /// Sessions.
    #[serde(default)]
    pub sessions: u64,
    /// Sessions that ended and have all events.
    #[serde(default)]
    pub complete_sessions: u64,
    /// Presses by country, most first, without countries that have none.
    #[serde(default)]
    pub countries: Vec<Country>,
    /// Presses without a country: unknown addresses, private networks, the relay's own host.
    #[serde(default)]
    pub elsewhere: Presses,
    /// Map points with most presses, by rounded coordinates and city.
    #[serde(default)]
    pub places: Vec<MapPoint>,
    /// Latest presses, newest first.
    #[serde(default)]
    pub latest: Vec<Latest>,
    /// Presses in each of the last seconds, oldest first.
    #[serde(default)]
    pub per_second: Vec<u32>,
    /// Events that are included in no other number: possible repeats, and records that are no events.
    #[serde(default)]
    pub not_counted: u64,
    /// Visits from which on a map point is in [`Stats::places`], and named in [`Stats::latest`]. The presses of
    /// others are in the numbers of their country alone. 0 from a relay that does not tell.
    #[serde(default)]
    pub min_visits: u32,
    /// Whether this relay makes up a place for clients of local networks, as with `--pretend-local`, so that
    /// countries and places may be made up. Absent if it does not.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub pretended: bool,
    /// Name of the geo database in its metadata (`GeoLite2-City`), for the attribution that its licence
    /// requires. Absent without a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo_database: Option<String>,
    /// The viewer's country. In a stream it is an event of its own, so that the numbers are the same bytes for all
    /// viewers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub you: Option<You>,
}

/// Origin of the places in the numbers, for [`Stats::geo_database`] and [`Stats::pretended`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceSource {
    /// Name of the geo database in its metadata.
    pub geo_database: Option<String>,
    /// Whether places of local networks are made up.
    pub pretended: bool,
}

/// Progress in reading old events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events in total.
    pub of: u64,
}

/// Presses in total and of the last 60 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presses {
    /// In total.
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
    /// In total.
    pub presses: u64,
    /// In the last 60 minutes.
    #[serde(default)]
    pub last_hour: u64,
}

/// Presses from one map point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapPoint {
    /// Degrees north, rounded to one decimal.
    pub latitude: f64,
    /// Degrees east, rounded to one decimal.
    pub longitude: f64,
    /// ISO 3166-1 alpha-2 code.
    #[serde(default)]
    pub country_code: String,
    /// English name of the city, if available.
    #[serde(default)]
    pub city_name: Option<String>,
    /// Presses in total.
    pub presses: u64,
}

/// A press without its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latest {
    /// Time of receipt by the relay's clock, in whole seconds.
    pub received_at: Timestamp,
    /// ISO 3166-1 alpha-2 code, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// English name of the city, if available and shown.
    #[serde(default)]
    pub city_name: Option<String>,
    /// Degrees north, rounded to one decimal.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees east, rounded to one decimal.
    #[serde(default)]
    pub longitude: Option<f64>,
}

/// The viewer's country, whose numbers are in [`Stats::countries`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct You {
    /// ISO 3166-1 alpha-2 code of the viewer's country, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
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
        "per_second":[0,1],"not_counted":0,"min_visits":3,"pretended":true,"geo_database":"GeoLite2-City",
        "you":{"country_code":"SE","country_name":"Sweden"}}"#;

    #[test]
    fn stats_are_read_as_written() {
        let stats: Stats = serde_json::from_str(ALL).unwrap();
        assert_eq!((stats.presses, stats.countries[0].last_hour), (7, 3));
        assert_eq!(stats.latest[0].country_name, "Localhost");
        assert_eq!(stats.catching_up, Some(Progress { done: 1, of: 2 }));
        let written: serde_json::Value = serde_json::to_value(&stats).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(ALL).unwrap());
    }

    #[test]
    fn stats_omit_pretended_unless_places_are_made_up() {
        let mut stats: Stats = serde_json::from_str(ALL).unwrap();
        assert_eq!(serde_json::to_value(&stats).unwrap()["pretended"], true);
        stats.pretended = false;
        assert_eq!(serde_json::to_value(&stats).unwrap().get("pretended"), None);
    }

    #[test]
    fn stats_of_older_and_newer_relays_are_read() {
        let least = r#"{"at":"2026-01-02T03:04:05.000000+00:00","presses":7,"something_new":{}}"#;
        assert_eq!(serde_json::from_str::<Stats>(least).unwrap().presses, 7);
        assert!(!serde_json::from_str::<Stats>(least).unwrap().pretended);
        let you = r#"{"country_code":"SE","country_name":"Sweden","presses":3}"#;
        assert_eq!(serde_json::from_str::<You>(you).unwrap().country_code, "SE");
        assert!(serde_json::from_str::<Stats>("{}").is_err());
    }
}
