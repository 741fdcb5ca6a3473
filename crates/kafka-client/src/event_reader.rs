//! Reader of a topic's events.

use crate::{
    Kafka, ProduceError, Reader, Registry,
    decoder::{Decoded, Decoder},
};
use schemas::Received;
use std::{sync::Arc, time::Duration};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Reads the events of one topic from its beginning, without a consumer group. It blocks.
pub struct EventReader {
    reader: Reader,
    decoder: Decoder,
}

impl EventReader {
    /// Nothing is read yet. The registry is queried on `runtime`.
    pub fn new(kafka: Arc<Kafka>, registry: Registry, runtime: Handle) -> Self {
        Self { reader: Reader::new(kafka), decoder: Decoder::new(registry, runtime) }
    }

    /// Passes on what has come, and returns after `timeout` at the latest: an event, or `None` in the place
    /// of a message that is none. A message whose schema the registry does not have comes later.
    ///
    /// # Errors
    /// If Kafka does not answer. It goes on where it was.
    pub fn read(
        &mut self,
        timeout: Duration,
        shutdown: &CancellationToken,
        take: &mut dyn FnMut(Option<Received>),
    ) -> Result<(), ProduceError> {
        let Self { reader, decoder } = self;
        let mut take = |decoded| match decoded {
            Decoded::Event(event) => take(Some(event)),
            Decoded::NotAnEvent => take(None),
            Decoded::Waiting => {}
        };
        let read = reader.read(timeout, |value, received_at| {
            take(decoder.decode(value, received_at, shutdown));
        });
        decoder.retry(shutdown, take);
        read
    }

    /// Messages read, and messages that were there at the start; `None` once all of those were read.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.reader.progress()
    }
}
