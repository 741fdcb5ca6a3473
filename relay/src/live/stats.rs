//! What viewers get: `GET /api/stats`, and again and again in `GET /api/live`.

use schemas::Timestamp;
use serde::Serialize;

/// The numbers at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// By the relay's clock.
    pub at: Timestamp,
    /// How much of what was there at the start has been read; `None` when that is done.
    pub catching_up: Option<Progress>,
    /// All presses.
    pub presses: u64,
    /// Presses of the last 60 minutes, this one included.
    pub presses_last_hour: u64,
    /// Visits.
    pub sessions: u64,
    /// Visits that ended, and of which nothing is missing.
    pub complete_sessions: u64,
    /// Presses by country, most first; countries with none are not there.
    pub countries: Vec<Country>,
    /// Presses from no country: unknown addresses, private networks, this machine.
    pub elsewhere: Presses,
    /// Where most presses came from, by rounded coordinates; `MAX_PLACES` at most.
    pub places: Vec<Spot>,
    /// The latest presses, newest first; `MAX_LATEST` at most.
    pub latest: Vec<Latest>,
    /// Presses in each of the last `SECONDS` seconds, oldest first.
    pub per_second: Vec<u32>,
    /// Events that could not be told from repeats, or were no events: they are in no other number.
    pub not_counted: u64,
}

/// Places in [`Stats::places`].
pub const MAX_PLACES: usize = 200;
/// Presses in [`Stats::latest`].
pub const MAX_LATEST: usize = 12;
/// Length of [`Stats::per_second`].
pub const SECONDS: usize = 180;

/// How far the reading of old events has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events that were there.
    pub of: u64,
}

/// Presses ever, and of the last 60 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Presses {
    /// Ever.
    pub presses: u64,
    /// In the last 60 minutes.
    pub last_hour: u64,
}

/// Presses from one country.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Country {
    /// ISO 3166-1 alpha-2 code.
    pub code: String,
    /// English name.
    pub name: String,
    /// How many.
    #[serde(flatten)]
    pub presses: Presses,
}

/// Presses from one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spot {
    /// Degrees north, rounded to one decimal.
    pub latitude: f64,
    /// Degrees east, rounded to one decimal.
    pub longitude: f64,
    /// ISO 3166-1 alpha-2 code.
    pub country_code: String,
    /// English name, where there is one.
    pub city_name: Option<String>,
    /// How many, ever.
    pub presses: u64,
}

/// What is told to one viewer alone. The numbers of their country are among those of all countries,
/// so that these can be the same bytes for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct You {
    /// ISO 3166-1 alpha-2 code of the country that their address is in, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// The presses of the session that they named; `None` without one, or as long as nothing of it is
    /// known.
    pub presses: Option<u32>,
}

/// One press, without its session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latest {
    /// When the relay received it.
    pub received_at: Timestamp,
    /// ISO 3166-1 alpha-2 code, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// English name, where there is one.
    pub city_name: Option<String>,
    /// Degrees north, rounded to one decimal.
    pub latitude: Option<f64>,
    /// Degrees east, rounded to one decimal.
    pub longitude: Option<f64>,
}
