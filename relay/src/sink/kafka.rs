//! Kafka as a sink.

use super::{Records, Sink, SinkError, WriteError};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use kafka_client::{BatchError, Connection};
use schemas::Received;

impl Sink for Connection {
    fn connect(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        self.establish().err_into().boxed()
    }

    fn write<'a>(&'a self, events: &'a [Received]) -> BoxFuture<'a, Result<Records, WriteError>> {
        let write_error = |BatchError { delivered, failed, rejected, error }| {
            let error = SinkError::Kafka(error.into());
            WriteError { records: delivered, failed, rejected, error }
        };
        self.produce(events).map_err(write_error).boxed()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings()
    }
}
