//! Reading the topic: from where somebody says, to its end or for ever, without a consumer group.

mod schemas_by_id;

pub use schemas_by_id::{SchemasById, Unreadable};

use anyhow::{Context, bail};
use kafka_client::{KafkaSettings, ProduceError};
use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use schemas::Timestamp;
use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::Mutex,
    time::{Duration, Instant},
};

/// For each question to Kafka.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long Kafka may be silent about messages that are known to be there.
const SILENCE: Duration = Duration::from_secs(30);

/// How often somebody who waits is looked after.
const MOMENT: Duration = Duration::from_millis(200);

const CONSUMER: [(&str, &str); 9] = [
    ("client.id", "kafka-button-tools"),
    // librdkafka wants one; nothing is committed for it.
    ("group.id", "kafka-button-tools"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    // All of a topic is read at once: few and large answers.
    ("fetch.min.bytes", "1"),
    ("fetch.message.max.bytes", "8388608"),
    ("queued.max.messages.kbytes", "65536"),
    // By default it rests for a second whenever so much is fetched ahead.
    ("fetch.queue.backoff.ms", "2"),
];

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the oldest message that there is.
    Beginning,
    /// With what comes from now on.
    End,
    /// With the first message that a relay received at this time or later.
    At(Timestamp),
}

/// A message as it stands in the topic.
pub struct Found<'m> {
    /// Its partition.
    pub partition: i32,
    /// Its offset in the partition.
    pub offset: i64,
    /// When the relay received the event: the record's timestamp.
    pub received_at: Timestamp,
    /// Its value, if it has one.
    pub value: Option<&'m [u8]>,
}

/// The topic, open for reading.
pub struct Topic {
    name: String,
    consumer: BaseConsumer<Listener>,
    partitions: BTreeMap<i32, Stretch>,
}

/// What of a partition is to be read.
#[derive(Clone, Copy)]
struct Stretch {
    first: i64,
    next: i64,
    /// The end as it was at the start.
    end: i64,
}

/// Keeps what librdkafka says, which tells more than that nothing came.
#[derive(Default)]
struct Listener(Mutex<Option<String>>);

impl ClientContext for Listener {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some(format!("{error}: {reason}"));
        }
    }
}

impl ConsumerContext for Listener {}

impl Topic {
    /// Asks Kafka what there is, and begins to read.
    pub fn open(settings: &KafkaSettings, start: Start) -> anyhow::Result<Self> {
        let name = settings.topic.clone();
        let config = settings.client_config(&CONSUMER)?;
        let consumer = BaseConsumer::from_config_and_context(&config, Listener::default())?;
        let topic = Self { name, consumer, partitions: BTreeMap::new() };
        topic.assigned(start)
    }

    fn assigned(mut self, start: Start) -> anyhow::Result<Self> {
        let metadata = self.consumer.fetch_metadata(Some(&self.name), PATIENCE);
        let metadata = metadata.map_err(|error| self.unanswered(&error))?;
        let found = metadata.topics().iter().find(|found| found.name() == self.name);
        let ids: Vec<i32> = found
            .into_iter()
            .flat_map(|t| t.partitions())
            .map(|partition| partition.id())
            .collect();
        if ids.is_empty() {
            bail!("the topic {} does not exist: name another with --topic", self.name);
        }
        let starts = match start {
            Start::At(time) => {
                let mut asked = TopicPartitionList::new();
                for id in &ids {
                    asked.add_partition_offset(&self.name, *id, Offset::Offset(time.millis()))?;
                }
                let found = self.consumer.offsets_for_times(asked, PATIENCE);
                Some(found.map_err(|error| self.unanswered(&error))?)
            }
            _ => None,
        };
        let mut assignment = TopicPartitionList::new();
        for id in ids {
            let marks = self.consumer.fetch_watermarks(&self.name, id, PATIENCE);
            let (low, end) = marks.map_err(|error| self.unanswered(&error))?;
            let first = match start {
                Start::Beginning => low,
                Start::End => end,
                Start::At(_) => starts
                    .as_ref()
                    .and_then(|starts| starts.find_partition(&self.name, id))
                    .and_then(|found| found.offset().to_raw())
                    .filter(|offset| (low..=end).contains(offset))
                    .unwrap_or(end),
            };
            self.partitions.insert(id, Stretch { first, next: first, end });
            assignment.add_partition_offset(&self.name, id, Offset::Offset(first))?;
        }
        self.consumer.assign(&assignment)?;
        Ok(self)
    }

    fn unanswered(&self, error: &KafkaError) -> anyhow::Error {
        let error = ProduceError::from_kafka(error, &self.name);
        match self.said() {
            Some(said) if !error.is_misconfiguration() => error.with_source(said).into(),
            _ => error.into(),
        }
    }

    fn said(&self) -> Option<String> {
        self.consumer.context().0.lock().ok()?.clone()
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// How many messages there were between the start and the end when it was opened. Fewer where
    /// some were compacted away.
    pub fn total(&self) -> u64 {
        self.partitions.values().map(|stretch| (stretch.end - stretch.first).unsigned_abs()).sum()
    }

    /// Gives each message to `take` until it breaks; with `to_end`, only those that were there when the
    /// topic was opened. `meanwhile` is called when nothing comes, and may break as well.
    pub fn read(
        &mut self,
        to_end: bool,
        mut take: impl FnMut(&Found<'_>) -> anyhow::Result<ControlFlow<()>>,
        mut meanwhile: impl FnMut() -> ControlFlow<()>,
    ) -> anyhow::Result<()> {
        let mut left =
            self.partitions.values().filter(|stretch| stretch.next < stretch.end).count();
        let mut heard = Instant::now();
        while !to_end || left > 0 {
            let message = match self.consumer.poll(MOMENT) {
                None => {
                    if meanwhile().is_break() {
                        return Ok(());
                    }
                    if to_end && heard.elapsed() > SILENCE {
                        let said = self.said().unwrap_or_else(|| "it says nothing".to_owned());
                        bail!("Kafka does not give the messages that it has: {said}");
                    }
                    continue;
                }
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(id))) => {
                    // What is left below the end is no message: compacted away, or a marker.
                    if let Some(stretch) = self.partitions.get_mut(&id)
                        && stretch.next < stretch.end
                    {
                        stretch.next = stretch.end;
                        left -= 1;
                    }
                    continue;
                }
                Some(Err(error)) => {
                    let passes = matches!(
                        error.rdkafka_error_code(),
                        Some(
                            RDKafkaErrorCode::BrokerTransportFailure
                                | RDKafkaErrorCode::AllBrokersDown
                                | RDKafkaErrorCode::OperationTimedOut
                        )
                    );
                    // It connects again by itself; after a long silence the loop gives up.
                    if passes {
                        continue;
                    }
                    return Err(self.unanswered(&error)).context("reading the topic");
                }
            };
            heard = Instant::now();
            let (partition, offset) = (message.partition(), message.offset());
            if let Some(stretch) = self.partitions.get_mut(&partition) {
                let is_before_end = offset < stretch.end;
                if stretch.next < stretch.end && offset + 1 >= stretch.end {
                    left -= 1;
                }
                stretch.next = offset + 1;
                if to_end && !is_before_end {
                    continue; // It came after the start.
                }
            }
            let micros = message.timestamp().to_millis().unwrap_or(0).saturating_mul(1000);
            let received_at = Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH);
            let found = Found { partition, offset, received_at, value: message.payload() };
            if take(&found)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}
