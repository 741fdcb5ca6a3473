//! Where events become durable, before they are acknowledged.
//!
//! ```text
//!             ┌─ route: Kafka ──► Kafka ── acknowledged ──► done
//!  events ────┤                     └───── failed ────────► store, and route: Store
//!             └─ route: Store ──► store ──► done
//!                                   │
//!                                   └── forwarder ──► Kafka; at the end of the store, route: Kafka
//! ```
//!
//! [`Delivery`] routes new events, the [`Forwarder`] brings stored ones to Kafka. Both know Kafka and the
//! store by the traits here, so that tests put doubles in their place.

mod delivery;
mod forwarder;
mod kafka;
mod sqlite;
#[cfg(test)]
pub(crate) mod testing;

pub use delivery::{Delivery, DurableIn, KafkaState};
pub use forwarder::Forwarder;

use event_store::{Delivered, RowId, StoreError, Undelivered};
use futures_util::future::BoxFuture;
use kafka_client::ConnectError;
use schemas::{Received, RecordMetadata};

/// Where the events of a batch are in Kafka, by their index; `None`, or none at all, where that is not known.
pub type Records = Vec<Option<RecordMetadata>>;

/// A destination in which events become durable.
pub trait Sink: Send + Sync {
    /// Establishes what a write needs, and checks it. Called before the first write, after one has
    /// failed, and at intervals in between.
    ///
    /// # Errors
    /// Why nothing can be written now.
    fn connect(&self) -> BoxFuture<'_, Result<(), SinkError>>;

    /// Writes the events in their order. Returns when each is durable or has failed: where they are in Kafka, by
    /// their index, as far as the sink knows.
    ///
    /// # Errors
    /// Which events may not be durable. Writing a durable event again does no harm.
    fn write<'a>(&'a self, events: &'a [Received]) -> BoxFuture<'a, Result<Records, WriteError>>;

    /// Warnings for the operator while events are written.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Events that wait for another sink, in the order of arrival.
pub trait Queue: Send + Sync {
    /// Reads up to `limit` rows behind the row `after` that are not marked as delivered.
    ///
    /// # Errors
    /// If the queue cannot be read.
    fn undelivered(
        &self,
        after: RowId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Undelivered, StoreError>>;

    /// Marks rows as delivered.
    ///
    /// # Errors
    /// If the queue cannot be written. The rows may be delivered again after a restart then.
    fn mark_delivered(&self, rows: Vec<Delivered>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Why a sink cannot write.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Kafka or the schema registry.
    #[error(transparent)]
    Kafka(#[from] ConnectError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SinkError {
    /// Whether it stays until an operator changes something.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            SinkError::Kafka(error) => error.is_misconfiguration(),
            SinkError::Store(_) => false,
        }
    }
}

/// Some events of a batch may not be durable.
#[derive(Debug, thiserror::Error)]
#[error("not all events are written")]
pub struct WriteError {
    /// Where the others are.
    pub records: Records,
    /// Indices of the events to be written again later, ascending.
    pub failed: Vec<usize>,
    /// Indices of the events that the sink rejects, while it accepts others; ascending.
    pub rejected: Vec<usize>,
    /// Why, for the last of them.
    #[source]
    pub error: SinkError,
}

impl WriteError {
    /// None of so many events is durable.
    pub fn all(events: usize, error: impl Into<SinkError>) -> Self {
        let (records, failed) = (Records::new(), (0..events).collect());
        Self { records, failed, rejected: Vec::new(), error: error.into() }
    }

    /// Whether the event at this index may not be durable.
    fn concerns(&self, index: usize) -> bool {
        self.failed.binary_search(&index).is_ok() || self.rejected.binary_search(&index).is_ok()
    }

    /// The events of the batch that may not be durable.
    fn remaining(&self, events: Vec<Received>) -> Vec<Received> {
        let events = events.into_iter().enumerate();
        events.filter(|(index, _)| self.concerns(*index)).map(|(_, event)| event).collect()
    }
}
