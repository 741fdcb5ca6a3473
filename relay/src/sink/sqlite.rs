//! The store as a sink, and as the queue of what Kafka has not got yet.

use super::{Queue, Records, Sink, SinkError, WriteError};
use crate::clock;
use event_store::{Delivered, RowId, Store, StoreError, Undelivered};
use futures_util::{FutureExt, future::BoxFuture};
use schemas::Received;

impl Sink for Store {
    fn connect(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        // It is open for as long as there is a handle.
        std::future::ready(Ok(())).boxed()
    }

    fn write<'a>(&'a self, events: &'a [Received]) -> BoxFuture<'a, Result<Records, WriteError>> {
        async {
            let inserted = self.insert(events.to_vec()).await;
            inserted.map_err(|error| WriteError::all(events.len(), error))?;
            Ok(Records::new())
        }
        .boxed()
    }
}

impl Queue for Store {
    fn undelivered(
        &self,
        after: RowId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Undelivered, StoreError>> {
        self.undelivered(after, limit).boxed()
    }

    fn mark_delivered(&self, rows: Vec<Delivered>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.mark_delivered(rows, clock::now()).boxed()
    }
}
