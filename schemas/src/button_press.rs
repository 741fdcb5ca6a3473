//! The whole record.

use crate::{Event, Place};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// An event as it is in Kafka and in every table: the record of `button_presses.avsc`.
///
/// Its JSON form, for scripts and the command line, is flat and has the schema's field names, with the
/// timestamp as ISO 8601 text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ButtonPress {
    /// Id of the session.
    pub session_id: Uuid,
    /// The event that the page recorded.
    #[serde(flatten)]
    pub event: Event,
    /// Approximate place of the visitor. The events of a request share it.
    #[serde(flatten)]
    pub place: Arc<Place>,
    /// Group of visitors.
    pub cohort: Option<i32>,
}
