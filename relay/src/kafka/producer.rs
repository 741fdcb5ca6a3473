//! Producing events and waiting for their delivery reports.

use super::{
    context::{Context, Trouble},
    settings::{KafkaSettings, MESSAGE_TIMEOUT, SettingsError},
};
use crate::store::Received;
use arc_swap::ArcSwap;
use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, Producer, future_producer::DeliveryFuture},
};
use schemas::{avro::Encoder, frame};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Why Kafka did not take an event, in words for the log and for `/readyz`.
///
/// It may have taken it all the same, if only the acknowledgement was lost: the event is delivered
/// again then, with the same identity.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: String,
    needs_a_person: bool,
}

impl Refusal {
    /// A refusal that may pass by itself.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_a_person: false }
    }

    /// A refusal that stays until somebody changes something.
    pub fn for_a_person(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), needs_a_person: true }
    }

    /// Whether it stays until somebody changes something.
    pub fn needs_a_person(&self) -> bool {
        self.needs_a_person
    }

    /// The error, and what to do about it where that is known.
    fn explain(error: &KafkaError, topic: &str) -> Self {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Self::for_a_person(format!(
                    "the topic {topic} does not exist: create it, with 3 partitions, or name \
                     another with --topic"
                ))
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                Self::for_a_person(format!("no permission to write to the topic {topic}"))
            }
            Some(RDKafkaErrorCode::MessageTimedOut) => {
                Self::new("Kafka did not acknowledge the message in time")
            }
            _ => Self::new(error.to_string()),
        }
    }
}

/// The events of a batch that Kafka did not take.
#[derive(Debug)]
pub struct Refused {
    /// Their places in the batch, ascending.
    pub indices: Vec<usize>,
    /// Why the last of them was not taken.
    pub refusal: Refusal,
}

impl Refused {
    /// Not one was taken.
    pub fn all(events: &[Received], refusal: Refusal) -> Self {
        Self { indices: (0..events.len()).collect(), refusal }
    }

    /// Keeps those items of a list as long as the batch whose event was taken (`true`), or those
    /// whose event was not (`false`).
    pub fn retain<T>(&self, items: &mut Vec<T>, taken: bool) {
        let mut index = 0;
        items.retain(|_| {
            let refused = self.indices.binary_search(&index).is_ok();
            index += 1;
            refused != taken
        });
    }
}

/// The topic to produce to.
pub struct Kafka {
    settings: KafkaSettings,
    producer: ArcSwap<FutureProducer<Context>>,
    trouble: Trouble,
    encoder: Encoder,
    schema_id: OnceLock<u32>,
}

impl Kafka {
    /// Makes the producer; it connects in the background and by itself whenever it can.
    pub fn new(settings: KafkaSettings) -> anyhow::Result<Self> {
        let trouble = Trouble::default();
        let producer = producer(&settings, &trouble)?;
        Ok(Self {
            producer: ArcSwap::from_pointee(producer),
            encoder: Encoder::new()?,
            schema_id: OnceLock::new(),
            settings,
            trouble,
        })
    }

    /// Tells under which id the registry knows the schema. Until then nothing can be produced.
    pub fn set_schema_id(&self, id: u32) {
        // A second id would be a bug of the registry's; messages keep naming the first.
        let _ = self.schema_id.set(id);
    }

    /// Whether the registry has told the schema's id.
    pub fn has_schema_id(&self) -> bool {
        self.schema_id.get().is_some()
    }

    /// Produces the events, in their order, and waits until each is acknowledged by all in-sync
    /// replicas or has failed.
    pub async fn produce(&self, events: &[Received]) -> Result<(), Refused> {
        let Some(schema_id) = self.schema_id.get().copied() else {
            return Err(Refused::all(events, Refusal::new("the schema is not registered yet")));
        };
        let producer = self.producer.load_full();
        // All are enqueued before the first is awaited, so that they travel in one batch.
        let enqueued: Vec<_> =
            events.iter().map(|event| self.enqueue(&producer, schema_id, event)).collect();
        let mut failed = Vec::new();
        let mut refusal = None;
        for (index, enqueued) in enqueued.into_iter().enumerate() {
            if let Err(reason) = delivered(enqueued).await {
                failed.push(index);
                refusal = Some(reason);
            }
        }
        let Some(refusal) = refusal else { return Ok(()) };
        self.replace_if_fatal(&producer);
        Err(Refused { indices: failed, refusal })
    }

    fn enqueue(
        &self,
        producer: &FutureProducer<Context>,
        schema_id: u32,
        event: &Received,
    ) -> Result<DeliveryFuture, Refusal> {
        let message = frame::encode(&self.encoder, schema_id, &event.press)
            .map_err(|error| Refusal::new(format!("the event does not fit the schema: {error}")))?;
        // The key keeps a session in one partition, and so in order.
        let mut key = schemas::Uuid::encode_buffer();
        let key: &str = event.press.session_id.hyphenated().encode_lower(&mut key);
        let record = FutureRecord::to(&self.settings.topic)
            .key(key)
            .payload(&message)
            .timestamp(event.received_at.millis());
        producer
            .send_result(record)
            .map_err(|(error, _)| Refusal::explain(&error, &self.settings.topic))
    }

    /// After a fatal error an idempotent producer takes nothing any more; a new one starts afresh.
    fn replace_if_fatal(&self, failed: &Arc<FutureProducer<Context>>) {
        let Some((_, reason)) = failed.client().fatal_error() else { return };
        match producer(&self.settings, &self.trouble) {
            Ok(fresh) => {
                tracing::warn!(
                    "the Kafka producer failed for good ({reason}); a new one is in its place"
                );
                self.producer.compare_and_swap(failed, Arc::new(fresh));
            }
            Err(error) => tracing::error!("the Kafka producer cannot be replaced: {error}"),
        }
    }

    /// Asks the broker for the topic. Blocks for up to two seconds.
    pub fn check_topic(&self) -> Result<(), Refusal> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let topic = &self.settings.topic;
        let producer = self.producer.load();
        let metadata =
            producer.client().fetch_metadata(Some(topic), PATIENCE).map_err(|error| {
                // The client's own trouble says more than "timed out".
                self.trouble.get().unwrap_or_else(|| Refusal::explain(&error, topic))
            })?;
        let error = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic)
            .and_then(|found| found.error());
        if let Some(error) = error {
            let error = KafkaError::MetadataFetch(error.into());
            return Err(Refusal::explain(&error, &self.settings.topic));
        }
        self.trouble.clear();
        Ok(())
    }

    /// Messages that wait for their delivery report.
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.producer.load().in_flight_count()).unwrap_or(0)
    }

    /// Waits for the messages that are under way. Blocks for up to the message timeout.
    pub fn flush(&self) {
        if let Err(error) = self.producer.load().flush(MESSAGE_TIMEOUT) {
            tracing::warn!("messages were still under way at the end: {error}");
        }
    }
}

fn producer(
    settings: &KafkaSettings,
    trouble: &Trouble,
) -> Result<FutureProducer<Context>, SettingsError> {
    settings.create(Context { trouble: trouble.clone() })
}

async fn delivered(enqueued: Result<DeliveryFuture, Refusal>) -> Result<(), Refusal> {
    match enqueued?.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, message))) => {
            use rdkafka::Message;
            Err(Refusal::explain(&error, message.topic()))
        }
        Err(_) => Err(Refusal::new("the producer was closed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_told_from_what_was_taken() {
        let refused = Refused { indices: vec![0, 2], refusal: Refusal::new("no") };
        let split = |taken| {
            let mut items = vec!["a", "b", "c", "d"];
            refused.retain(&mut items, taken);
            items
        };
        assert_eq!(split(false), ["a", "c"]);
        assert_eq!(split(true), ["b", "d"]);
    }
}
