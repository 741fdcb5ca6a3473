//! Question and answer of `POST /api/events`, in JSON.

use crate::{Event, Place};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most that the relay reads of one request: 64 kB. The page stays below it, since browsers
/// allow no more than 64 KiB of `keepalive` bodies in flight.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The response header that marks an answer as the relay's own. Captive portals answer 200 with
/// HTML of theirs to anything; without this header an answer acknowledges nothing.
pub const RECEIPT_HEADER: &str = "x-kafka-button";

/// Body of the request: some events of one session.
///
/// It is sent as `text/plain`, so that browsers need no CORS preflight for it, and read as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventBatch {
    /// UUID v4 of the session, in its 36-character form.
    pub session_id: Uuid,
    /// Group of visitors (a stand, an experiment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<i32>,
    /// The events, in any order.
    pub events: Vec<Event>,
}

/// Body of the 200 answer: what became of each event.
///
/// It is sent only after every accepted event is durable. Every event of the request is in
/// `accepted` or in `rejected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The session that the events belong to, as the request gave it.
    pub session_id: Uuid,
    /// Counts of the events that are durable now, in the order of the request.
    pub accepted: Vec<u64>,
    /// Events that can never be accepted; sending them again is useless.
    pub rejected: Vec<EventRejection>,
    /// Where the accepted events are: `kafka` or `store`.
    pub durable_in: String,
    /// The place that was added to the events.
    pub location: Place,
    /// Name of the geo database by its own metadata (`GeoLite2-City`), for the attribution that
    /// its licence asks for; `None` without a database.
    pub geo_database: Option<String>,
}

/// One event that the relay refused, for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRejection {
    /// Place of the event in the request's `events`, from 0.
    pub index: usize,
    /// Its count, where that could be read.
    pub count: Option<u64>,
    /// What was wrong, for programs.
    pub reason: RejectReason,
    /// What was wrong and what would be right, for people.
    pub detail: String,
}

/// Why an event was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Not a JSON object with `timestamp`, `action` and `count`.
    NotAnEvent,
    /// `action` is none of the three.
    UnknownAction,
    /// `count` is not a whole number from 0 to 2^53 − 1.
    BadCount,
    /// `timestamp` is not ISO 8601 with an offset in the years 1970 to 9999.
    BadTimestamp,
}

impl RejectReason {
    /// Every reason there is.
    pub const ALL: [RejectReason; 4] = [
        RejectReason::NotAnEvent,
        RejectReason::UnknownAction,
        RejectReason::BadCount,
        RejectReason::BadTimestamp,
    ];

    /// The name that stands in JSON and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            RejectReason::NotAnEvent => "not_an_event",
            RejectReason::UnknownAction => "unknown_action",
            RejectReason::BadCount => "bad_count",
            RejectReason::BadTimestamp => "bad_timestamp",
        }
    }
}

/// Body of every error answer: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What was wrong with this request, and what to do.
    pub detail: String,
}
