//! Topic reader without a consumer group: offsets are chosen by the program, and not committed.

use crate::{
    KafkaSettings, ProduceError, certificates::Certificates, context::Context, settings::CONSUMER,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use schemas::Timestamp;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Timeout of a request while messages are read.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Interval between two checks for new partitions and new certificates.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// How long Kafka may return no message though it has some.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for the error of a connection after a request has failed.
const ERROR_TIMEOUT: Duration = Duration::from_millis(100);

/// The first message to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest one that there is.
    Beginning,
    /// The first one that is produced from now on.
    End,
    /// The first one that a relay received at this time or later.
    At(Timestamp),
}

/// The last message to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// None: messages are read as they are produced.
    Never,
    /// The last one that there is when the topic is opened.
    Current,
}

/// Reads a topic, from all partitions. Everything in it blocks.
pub struct Reader {
    settings: KafkaSettings,
    client_id: &'static str,
    start: Start,
    end: End,
    consumer: Option<OpenConsumer>,
    partitions: BTreeMap<i32, Partition>,
    /// When the last message was read, or the topic was opened.
    last_message: Instant,
}

/// A consumer, and the certificates that it was made with.
struct OpenConsumer {
    consumer: BaseConsumer<Context>,
    certificates: Option<Certificates>,
    /// When the partitions and the certificates were last checked; `None` if they are to be checked now.
    checked: Option<Instant>,
}

/// How far a partition has been read.
#[derive(Clone, Copy)]
struct Partition {
    /// The first offset to be read.
    first: i64,
    /// The next offset to be read.
    next: i64,
    /// The end of the partition when it was opened.
    end: i64,
}

impl Reader {
    /// Creates a reader, which sends nothing yet. `client_id` names the program in Kafka's logs and metrics.
    pub fn new(settings: KafkaSettings, client_id: &'static str, start: Start, end: End) -> Self {
        Self {
            settings,
            client_id,
            start,
            end,
            consumer: None,
            partitions: BTreeMap::new(),
            last_message: Instant::now(),
        }
    }

    /// Opens the topic, or checks an open one for new partitions and certificates. Blocks for up to
    /// `timeout` in each request.
    ///
    /// # Errors
    /// If Kafka does not answer, or has no such topic for this user.
    pub fn open(&mut self, timeout: Duration) -> Result<(), ProduceError> {
        let is_new = self.partitions.is_empty();
        self.replace_consumer()?;
        let Some(open) = &mut self.consumer else { return Ok(()) };
        open.checked = Some(Instant::now());
        let consumer = &open.consumer;
        let opened = assign_new_partitions(
            consumer,
            &self.settings.topic,
            if is_new { self.start } else { Start::Beginning },
            &mut self.partitions,
            timeout,
        );
        match opened {
            Ok(()) => consumer.context().set_connected(),
            Err(error) => {
                // Partitions that are assigned are read on, and checked again after the interval.
                if consumer.assignment().is_ok_and(|assigned| assigned.count() == 0) {
                    open.checked = None;
                    // Errors of connections arrive as messages do, of which there are none without partitions.
                    let _ = consumer.poll(ERROR_TIMEOUT);
                }
                return Err(root_cause(consumer, error));
            }
        }
        if is_new {
            self.last_message = Instant::now();
        }
        Ok(())
    }

    /// Makes a consumer if there is none, or if there are new certificate files that are whole and valid.
    fn replace_consumer(&mut self) -> Result<(), ProduceError> {
        let failed =
            |error| ProduceError::transient("cannot make a Kafka consumer").with_source(error);
        let certificates = self.settings.load_certificates();
        if let Some(open) = &self.consumer {
            let is_newer = certificates.as_ref().is_ok_and(|new| {
                *new != open.certificates
                    && new.as_ref().is_some_and(|new| new.check_validity().is_ok())
            });
            if !is_newer {
                return Ok(());
            }
        }
        let certificates = certificates.map_err(|error| failed(error.into()))?;
        let id = [("client.id", self.client_id), ("group.id", self.client_id)];
        let consumer = self.settings.client(
            &[&id[..], &CONSUMER].concat(),
            certificates.as_ref(),
            Context::for_reader(&self.settings.topic),
        );
        let consumer = consumer.map_err(failed)?;
        self.consumer = Some(OpenConsumer { consumer, certificates, checked: None });
        Ok(())
    }

    /// Returns the next message, or `None` if none arrives within `timeout`, and behind [`End::Current`].
    /// Opens the topic if it is not open.
    ///
    /// A broker that is away does not matter as long as others return messages: its error is returned if
    /// none arrives. Reading continues at the same message.
    ///
    /// # Errors
    /// If the topic cannot be read now. A transient error is returned by a reader without end at once,
    /// and by one with an end after 30 s without a message.
    pub fn poll(&mut self, timeout: Duration) -> Result<Option<BorrowedMessage<'_>>, ProduceError> {
        if self.end == End::Current && self.progress().is_none() {
            return Ok(None);
        }
        // Once for each message: three readings of the clock would take as long as librdkafka does.
        let mut now = Instant::now();
        let checked = self.consumer.as_ref().and_then(|open| open.checked);
        let is_due = match self.end {
            // The partitions are those that were there at the start.
            End::Current => self.partitions.is_empty(),
            End::Never => checked.is_none_or(|at| now.duration_since(at) > CHECK_INTERVAL),
        };
        let mut last_error = None;
        if is_due {
            if let Err(error) = self.open(REQUEST_TIMEOUT) {
                if self.partitions.is_empty() {
                    return Err(error);
                }
                last_error = Some(error);
            }
            now = Instant::now();
        }
        let Some(open) = &mut self.consumer else { return Ok(None) };
        let deadline = now + timeout;
        let mut remaining = timeout;
        while let Some(polled) = open.consumer.poll(remaining) {
            match polled {
                Ok(message) => {
                    if let Some(partition) = self.partitions.get_mut(&message.partition()) {
                        partition.next = message.offset() + 1;
                        self.last_message = now;
                        if self.end == End::Never || partition.next <= partition.end {
                            return Ok(Some(message));
                        }
                    }
                }
                // Offsets below the end without a message were compacted, or are transaction markers.
                Err(KafkaError::PartitionEOF(id)) => {
                    if let Some(partition) = self.partitions.get_mut(&id) {
                        partition.next = partition.next.max(partition.end);
                    }
                }
                Err(error) => {
                    last_error = Some(ProduceError::from_kafka(&error, &self.settings.topic));
                }
            }
            remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                break;
            }
        }
        let is_silent = self.last_message.elapsed() > READ_TIMEOUT;
        let error = match (last_error, self.end) {
            (Some(error), End::Never) => error,
            (Some(error), End::Current) if is_silent || error.is_misconfiguration() => error,
            (None, End::Current) if is_silent && progress(&self.partitions).is_some() => {
                ProduceError::transient("Kafka does not return messages that it has")
            }
            _ => return Ok(None),
        };
        // The cause may be a partition that moved, or a certificate that expired.
        open.checked = None;
        Err(root_cause(&open.consumer, error))
    }

    /// Messages read, and messages that were there when the topic was opened; `None` once all of those were
    /// read. Compacted messages count.
    pub fn progress(&self) -> Option<(u64, u64)> {
        progress(&self.partitions)
    }

    /// The number of partitions, 0 before the topic is opened.
    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }
}

fn progress(partitions: &BTreeMap<i32, Partition>) -> Option<(u64, u64)> {
    let (mut done, mut of) = (0, 0);
    for Partition { first, next, end } in partitions.values() {
        done += (*next).min(*end) - first;
        of += end - first;
    }
    let is_at_end = !partitions.is_empty() && done >= of;
    (!is_at_end).then(|| (done.unsigned_abs(), of.unsigned_abs()))
}

/// Adds new partitions of the topic, and assigns all partitions to the consumer if it lacks any: a new
/// consumer has nothing assigned.
fn assign_new_partitions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    start: Start,
    partitions: &mut BTreeMap<i32, Partition>,
    timeout: Duration,
) -> Result<(), ProduceError> {
    let kafka_error = |error: KafkaError| ProduceError::from_kafka(&error, topic);
    let metadata = consumer.fetch_metadata(Some(topic), timeout).map_err(kafka_error)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    if let Some(error) = found.and_then(|found| found.error()) {
        return Err(ProduceError::from_code(error.into(), topic));
    }
    let ids: Vec<i32> =
        found.into_iter().flat_map(|it| it.partitions()).map(|it| it.id()).collect();
    if ids.is_empty() {
        return Err(ProduceError::from_code(RDKafkaErrorCode::UnknownTopicOrPartition, topic));
    }
    let mut new = BTreeMap::new();
    for id in ids.into_iter().filter(|id| !partitions.contains_key(id)) {
        let (low, end) = consumer.fetch_watermarks(topic, id, timeout).map_err(kafka_error)?;
        let first = match start {
            Start::Beginning => low,
            Start::End => end,
            Start::At(time) => {
                let mut times = TopicPartitionList::new();
                let time = Offset::Offset(time.millis());
                times.add_partition_offset(topic, id, time).map_err(kafka_error)?;
                let offsets = consumer.offsets_for_times(times, timeout).map_err(kafka_error)?;
                let found = offsets.find_partition(topic, id).and_then(|it| it.offset().to_raw());
                found.filter(|offset| (low..=end).contains(offset)).unwrap_or(end)
            }
        };
        new.insert(id, Partition { first, next: first, end });
    }
    partitions.append(&mut new);
    if consumer.assignment().is_ok_and(|assigned| assigned.count() == partitions.len()) {
        return Ok(());
    }
    let mut assignment = TopicPartitionList::new();
    for (id, partition) in partitions {
        let next = Offset::Offset(partition.next);
        assignment.add_partition_offset(topic, *id, next).map_err(kafka_error)?;
    }
    consumer.assign(&assignment).map_err(kafka_error)
}

/// The error of the connections, if they have one, of which a transient error is a consequence.
fn root_cause(consumer: &BaseConsumer<Context>, error: ProduceError) -> ProduceError {
    match error.is_misconfiguration() {
        true => error,
        false => consumer.context().connection_error().unwrap_or(error),
    }
}

/// When the relay received the event of a message: the record's timestamp.
pub fn received_at(message: &impl Message) -> Timestamp {
    let micros = message.timestamp().to_millis().unwrap_or(0).saturating_mul(1000);
    Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{TOPIC, settings};
    use rdkafka::{
        ClientConfig,
        mocking::MockCluster,
        producer::{BaseProducer, BaseRecord, Producer},
    };

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A cluster of three brokers, each of which leads one of the topic's partitions.
    struct Cluster {
        brokers: MockCluster<'static, rdkafka::producer::DefaultProducerContext>,
        producer: BaseProducer,
    }

    impl Cluster {
        fn new() -> Self {
            let brokers = MockCluster::new(3).unwrap();
            brokers.create_topic(TOPIC, 3, 1).unwrap();
            for partition in 0..3 {
                brokers.partition_leader(TOPIC, partition, Some(partition + 1)).unwrap();
            }
            let bootstrap = brokers.bootstrap_servers();
            let producer = ClientConfig::new().set("bootstrap.servers", bootstrap).create();
            Self { brokers, producer: producer.unwrap() }
        }

        fn produce(&self, partition: i32, value: &str, millis: i64) {
            let record = BaseRecord::<(), str>::to(TOPIC).partition(partition).payload(value);
            self.producer.send(record.timestamp(millis)).unwrap();
            self.producer.flush(TIMEOUT).unwrap();
        }

        fn reader(&self, start: Start, end: End) -> Reader {
            let mut reader =
                Reader::new(settings(&self.brokers.bootstrap_servers()), "test", start, end);
            reader.open(TIMEOUT).unwrap();
            reader
        }
    }

    /// The value of the next message; `None` if there is none within a second.
    fn next(reader: &mut Reader) -> Option<String> {
        let message = reader.poll(Duration::from_secs(1)).unwrap()?;
        Some(String::from_utf8(message.payload().unwrap().to_vec()).unwrap())
    }

    fn all(reader: &mut Reader) -> Vec<String> {
        let mut values = Vec::new();
        while reader.progress().is_some() {
            values.extend(next(reader));
        }
        values.sort();
        values
    }

    #[test]
    fn reader_with_end_returns_messages_that_were_there_when_opened() {
        let cluster = Cluster::new();
        for partition in 0..3 {
            cluster.produce(partition, &format!("{partition} a"), 1000);
            cluster.produce(partition, &format!("{partition} b"), 2000);
        }
        let mut reader = cluster.reader(Start::Beginning, End::Current);
        assert_eq!((reader.progress(), reader.partitions()), (Some((0, 6)), 3));
        cluster.produce(1, "later", 3000);
        assert_eq!(all(&mut reader), ["0 a", "0 b", "1 a", "1 b", "2 a", "2 b"]);
        assert_eq!(next(&mut reader), None);
        assert_eq!(cluster.reader(Start::End, End::Current).progress(), None);
    }

    #[test]
    fn reader_without_end_follows_from_its_start() {
        let cluster = Cluster::new();
        cluster.produce(2, "earlier", 1000);
        let mut reader = cluster.reader(Start::End, End::Never);
        assert_eq!(next(&mut reader), None);
        cluster.produce(2, "later", 2000);
        let message = reader.poll(TIMEOUT).unwrap().unwrap();
        assert_eq!((message.partition(), message.offset()), (2, 1));
        assert_eq!(received_at(&message), Timestamp::from_micros(2_000_000).unwrap());
    }

    #[test]
    fn broker_that_is_down_does_not_interrupt_messages_of_others() {
        let cluster = Cluster::new();
        let mut reader = cluster.reader(Start::Beginning, End::Never);
        for partition in 0..3 {
            cluster.produce(partition, "before", 1000);
        }
        let before = [(); 3].map(|()| next(&mut reader));
        assert!(before.iter().all(|value| value.as_deref() == Some("before")), "{before:?}");
        cluster.brokers.broker_down(3).unwrap();
        for count in 0..20 {
            cluster.produce(count % 2, "after", 2000);
            let message = reader.poll(TIMEOUT).unwrap().unwrap();
            assert_eq!(message.payload(), Some(&b"after"[..]));
        }
        cluster.brokers.broker_up(3).unwrap();
        cluster.produce(2, "back", 3000);
        let deadline = Instant::now() + TIMEOUT;
        let partition = loop {
            if let Ok(Some(message)) = reader.poll(Duration::from_millis(100)) {
                break message.partition();
            }
            assert!(Instant::now() < deadline, "the broker is not read any more");
        };
        assert_eq!(partition, 2);
    }

    #[test]
    fn missing_topic_and_unreachable_kafka_are_errors_with_advice() {
        let cluster = Cluster::new();
        let mut settings = settings(&cluster.brokers.bootstrap_servers());
        settings.topic = "nothing_here".to_owned();
        let unknown = rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        cluster.brokers.topic_error("nothing_here", unknown).unwrap();
        let mut reader = Reader::new(settings, "test", Start::Beginning, End::Current);
        let error = reader.poll(Duration::ZERO).unwrap_err();
        assert!(error.is_misconfiguration());
        assert!(error.to_string().contains("the topic nothing_here does not exist"), "{error}");

        let settings = crate::testing::settings("127.0.0.1:1");
        let mut reader = Reader::new(settings, "test", Start::Beginning, End::Current);
        let error = reader.open(Duration::from_secs(1)).unwrap_err();
        let text = format!("{:#}", anyhow::Error::new(error));
        assert!(text.contains("does not answer") && text.contains("Connection refused"), "{text}");
    }
}
