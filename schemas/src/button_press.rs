//! The whole record: what the page said, and what the relay added.

use crate::{Event, Place};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// One event as it stands in Kafka and in every table: the record of `button_presses.avsc`.
///
/// Its JSON form, for people and scripts, is flat and has the schema's field names; there alone
/// the timestamp is ISO 8601 text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ButtonPress {
    /// The visit.
    pub session_id: Uuid,
    /// What the page recorded.
    #[serde(flatten)]
    pub event: Event,
    /// Where the visitor roughly was. The events of a request share it.
    #[serde(flatten)]
    pub place: Arc<Place>,
    /// Group of visitors.
    pub cohort: Option<i32>,
}
