//! The topic's events, for `tail` and `audit`.

use anyhow::Context;
use kafka_client::{
    DecodeError, Decoder, End, KafkaSettings, ProduceError, Reader, Registry, Start,
};
use schemas::ButtonPress;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Timeout of each request that opens the topic.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval in which a reader without messages returns.
pub const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Opens the topic.
///
/// # Errors
/// If Kafka does not answer, or has no such topic for this user.
pub fn open(settings: &KafkaSettings, start: Start, end: End) -> Result<Reader, ProduceError> {
    let mut reader = Reader::new(settings.clone(), "kafka-button-tools", start, end);
    reader.open(OPEN_TIMEOUT)?;
    Ok(reader)
}

/// Decoder that blocks while it loads a schema.
pub struct BlockingDecoder {
    decoder: Decoder,
    runtime: Runtime,
}

impl BlockingDecoder {
    /// Sends nothing yet.
    pub fn new(settings: &KafkaSettings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { decoder: Decoder::new(Registry::new(settings.registry.clone())?), runtime })
    }

    /// Decodes the value of a message; the inner error is why it is not an event.
    ///
    /// # Errors
    /// If the registry does not return a schema: nothing can be read without it.
    pub fn decode(
        &mut self,
        value: Option<&[u8]>,
    ) -> anyhow::Result<Result<ButtonPress, DecodeError>> {
        match self.decoder.decode(value) {
            Err(DecodeError::SchemaNotLoaded(id)) => {
                let load = self.decoder.load_schema(id);
                self.runtime.block_on(load).context("the schema registry")?;
                Ok(self.decoder.decode(value))
            }
            decoded => Ok(decoded),
        }
    }
}
