//! An event with the time of its arrival.

use crate::{ButtonPress, Timestamp};

/// An event as a relay received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The whole record.
    pub press: ButtonPress,
    /// When it arrived, by the relay's clock. In Kafka it is the record's timestamp.
    pub received_at: Timestamp,
}
