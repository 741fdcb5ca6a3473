//! A record with its time of receipt.

use crate::{ButtonPress, Timestamp};

/// A record and when the relay received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The whole record.
    pub press: ButtonPress,
    /// Time by the relay's clock; the timestamp of the Kafka record.
    pub received_at: Timestamp,
}
