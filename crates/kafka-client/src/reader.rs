//! Topic reader without a consumer group, from the beginning at each start: the live numbers are stored
//! nowhere else.

use crate::{Kafka, ProduceError, certificates::Certificates, settings::CONSUMER};
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
};
use schemas::Timestamp;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Interval between two checks for new partitions.
const PARTITION_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// Messages that are read in one call.
const BATCH: usize = 5000;

/// Reads a topic, from all partitions. Everything in it blocks.
pub struct Reader {
    kafka: Arc<Kafka>,
    consumer: Option<OpenConsumer>,
    partitions: BTreeMap<i32, Partition>,
}

/// Context that logs for debugging only: the producer logs the same errors of the same Kafka.
struct DebugContext;

impl ClientContext for DebugContext {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("Kafka consumer: {error}: {reason}");
    }
}

impl ConsumerContext for DebugContext {}

/// A consumer, and the certificates that it was made with.
struct OpenConsumer {
    consumer: BaseConsumer<DebugContext>,
    certificates: Option<Arc<Certificates>>,
    checked: Instant,
}

/// How far a partition has been read.
#[derive(Clone, Copy)]
struct Partition {
    /// The first offset at the start.
    first: i64,
    /// The next offset to be read.
    next: i64,
    /// The end at the start.
    end: i64,
}

impl Reader {
    /// Sends and reads nothing yet.
    pub fn new(kafka: Arc<Kafka>) -> Self {
        Self { kafka, consumer: None, partitions: BTreeMap::new() }
    }

    /// Calls `on_message` for each message that arrives, with its value and with the time at which the
    /// relay that produced it had received it. Returns after `timeout` if none arrives.
    ///
    /// # Errors
    /// If the topic cannot be read now. Reading goes on where it was.
    pub fn read(
        &mut self,
        timeout: Duration,
        mut on_message: impl FnMut(Option<&[u8]>, Timestamp),
    ) -> Result<(), ProduceError> {
        if self.has_other_certificates() {
            self.consumer = None;
        }
        let is_checked = |open: &OpenConsumer| open.checked.elapsed() <= PARTITION_CHECK_INTERVAL;
        if !self.consumer.as_ref().is_some_and(is_checked) {
            self.assign_partitions()?;
        }
        let Some(open) = &self.consumer else { return Ok(()) };
        let mut timeout = timeout;
        for _ in 0..BATCH {
            let message = match open.consumer.poll(timeout) {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    return Err(ProduceError::from_kafka(&error, self.kafka.topic()));
                }
            };
            timeout = Duration::ZERO;
            if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                partition.next = message.offset() + 1;
            }
            let micros = message.timestamp().to_millis().unwrap_or(0).saturating_mul(1000);
            let received_at = Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH);
            on_message(message.payload(), received_at);
        }
        Ok(())
    }

    /// Messages read, and messages that were there at the start; `None` once all of those were read.
    pub fn progress(&self) -> Option<(u64, u64)> {
        let done = self.partitions.values().map(|p| p.next.min(p.end) - p.first).sum::<i64>();
        let of = self.partitions.values().map(|p| p.end - p.first).sum::<i64>();
        let caught_up = !self.partitions.is_empty() && done >= of;
        (!caught_up).then(|| (done.unsigned_abs(), of.unsigned_abs()))
    }

    fn has_other_certificates(&self) -> bool {
        let Some(open) = &self.consumer else { return false };
        match (&open.certificates, self.kafka.certificates()) {
            (Some(used), Some(in_use)) => !Arc::ptr_eq(used, &in_use),
            _ => false,
        }
    }

    /// Opens a consumer if there is none, and assigns it all partitions, each from its next offset.
    fn assign_partitions(&mut self) -> Result<(), ProduceError> {
        let topic = self.kafka.topic().to_owned();
        let produce_error = |error: KafkaError| ProduceError::from_kafka(&error, &topic);
        let (consumer, certificates) = match self.consumer.take() {
            Some(open) => (open.consumer, open.certificates),
            None => {
                let certificates = self.kafka.certificates();
                let settings = self.kafka.settings();
                let consumer = settings.client(&CONSUMER, certificates.as_deref(), DebugContext);
                let consumer = consumer.map_err(|error| {
                    ProduceError::transient("cannot make a Kafka consumer").with_source(error)
                })?;
                (consumer, certificates)
            }
        };
        let metadata =
            consumer.fetch_metadata(Some(&topic), REQUEST_TIMEOUT).map_err(produce_error)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let ids: Vec<i32> = found
            .into_iter()
            .flat_map(|t| t.partitions())
            .map(|partition| partition.id())
            .collect();
        let is_new = |id: &i32| !self.partitions.contains_key(id);
        let all_known = !ids.iter().any(is_new);
        // A consumer that is new has nothing assigned.
        let is_assigned =
            consumer.assignment().is_ok_and(|assigned| assigned.count() == self.partitions.len());
        for id in ids.into_iter().filter(is_new).collect::<Vec<_>>() {
            let (first, end) =
                consumer.fetch_watermarks(&topic, id, REQUEST_TIMEOUT).map_err(produce_error)?;
            self.partitions.insert(id, Partition { first, next: first, end });
        }
        if !(all_known && is_assigned) {
            let mut assignment = TopicPartitionList::new();
            for (id, partition) in &self.partitions {
                assignment
                    .add_partition_offset(&topic, *id, Offset::Offset(partition.next))
                    .map_err(produce_error)?;
            }
            consumer.assign(&assignment).map_err(produce_error)?;
        }
        self.consumer = Some(OpenConsumer { consumer, certificates, checked: Instant::now() });
        Ok(())
    }
}
