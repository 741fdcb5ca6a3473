//! Reading the topic from its beginning, again at each start: the numbers that are made of it are
//! kept nowhere else.

use super::{Kafka, Refusal, certificates::Certificates};
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

/// For each question to Kafka.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is asked whether there are more partitions than there were.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Messages that are read at one go.
const BATCH: usize = 5000;

/// Reads one topic, for one reader, without a consumer group. Everything in it blocks.
pub struct Reader {
    kafka: Arc<Kafka>,
    open: Option<Open>,
    partitions: BTreeMap<i32, Partition>,
}

/// Leaves it to the producer to tell what is wrong with Kafka: one voice is enough.
#[derive(Default)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("Kafka consumer: {error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

/// A consumer, and the certificates that it was made with.
struct Open {
    consumer: BaseConsumer<Quiet>,
    certificates: Option<Arc<Certificates>>,
    looked: Instant,
}

/// How far a partition has been read.
#[derive(Clone, Copy)]
struct Partition {
    /// The first offset that there was.
    first: i64,
    /// The next one to be read.
    next: i64,
    /// The end of what was there at the start.
    end: i64,
}

impl Reader {
    /// Nothing is asked or read yet.
    pub fn new(kafka: Arc<Kafka>) -> Self {
        Self { kafka, open: None, partitions: BTreeMap::new() }
    }

    /// Gives what has come, after `patience` at the latest: each message's value, and when the
    /// relay that produced it had received it.
    pub fn read(
        &mut self,
        patience: Duration,
        mut take: impl FnMut(Option<&[u8]>, Timestamp),
    ) -> Result<(), Refusal> {
        if self.has_other_certificates() {
            self.open = None;
        }
        if self.open.as_ref().is_none_or(|open| open.looked.elapsed() > LOOK_EVERY) {
            self.look()?;
        }
        let Some(open) = &self.open else { return Ok(()) };
        let mut wait = patience;
        for _ in 0..BATCH {
            let message = match open.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => message,
                // It connects again by itself, and goes on where it was.
                Some(Err(error)) => {
                    return Err(Refusal::of_topic(&error, self.kafka.topic()));
                }
            };
            wait = Duration::ZERO;
            if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                partition.next = message.offset() + 1;
            }
            let micros = message.timestamp().to_millis().unwrap_or(0).saturating_mul(1000);
            let received_at = Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH);
            take(message.payload(), received_at);
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
        let Some(open) = &self.open else { return false };
        match (&open.certificates, self.kafka.certificates()) {
            (Some(used), Some(in_use)) => !Arc::ptr_eq(used, &in_use),
            _ => false,
        }
    }

    /// Opens a consumer if there is none, and reads the partitions that there are, each from where
    /// it was left.
    fn look(&mut self) -> Result<(), Refusal> {
        let topic = self.kafka.topic().to_owned();
        let refusal = |error: KafkaError| Refusal::of_topic(&error, &topic);
        let (consumer, certificates) = match self.open.take() {
            Some(open) => (open.consumer, open.certificates),
            None => {
                let certificates = self.kafka.certificates();
                (self.kafka.consumer(certificates.as_deref())?, certificates)
            }
        };
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).map_err(refusal)?;
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
            let (first, end) = consumer.fetch_watermarks(&topic, id, PATIENCE).map_err(refusal)?;
            self.partitions.insert(id, Partition { first, next: first, end });
        }
        if !(all_known && is_assigned) {
            let mut assignment = TopicPartitionList::new();
            for (id, partition) in &self.partitions {
                assignment
                    .add_partition_offset(&topic, *id, Offset::Offset(partition.next))
                    .map_err(refusal)?;
            }
            consumer.assign(&assignment).map_err(refusal)?;
        }
        self.open = Some(Open { consumer, certificates, looked: Instant::now() });
        Ok(())
    }
}
