//! Reads the topic as any consumer would, from its beginning.

use crate::world::Ledger;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::Headers,
};
use schemas::Uuid;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// A message as it is in the topic.
#[derive(Debug)]
pub struct Message {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_millis: i64,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// Keys and values, one after the other.
    pub headers: Vec<u8>,
}

impl Message {
    /// The session, which is the key.
    pub fn session(&self) -> Uuid {
        Uuid::try_parse_ascii(&self.key).expect("the key is a UUID")
    }

    /// The record, by the canonical schema.
    pub fn press(&self) -> schemas::ButtonPress {
        let (_, datum) = schemas::frame::split(&self.value).unwrap();
        schemas::avro::decode(schemas::avro::schema(), datum).unwrap()
    }
}

/// Every message that is in the topic now, partition by partition, in order.
pub fn read(bootstrap: &str, topic: &str) -> Vec<Message> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", bootstrap);
    read_with(client, topic)
}

/// As [`read`], by a client that knows how to reach Kafka.
pub fn read_with(mut client: ClientConfig, topic: &str) -> Vec<Message> {
    let consumer: BaseConsumer = client
        .set("group.id", "e2e")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    let partitions: Vec<_> =
        metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
    assert_eq!(partitions.len(), 3);
    let mut from_the_beginning = TopicPartitionList::new();
    let mut ends = BTreeMap::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT).unwrap();
        assert_eq!(low, 0, "nothing has been thrown away");
        from_the_beginning.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        if high > 0 {
            ends.insert(partition, high);
        }
    }
    consumer.assign(&from_the_beginning).unwrap();
    let mut messages = Vec::new();
    let deadline = Instant::now() + TIMEOUT;
    while !ends.is_empty() {
        assert!(Instant::now() < deadline, "the topic could not be read to its end: {ends:?}");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else { continue };
        let message = match message {
            // A broker that is away is reported, too, when others lead all partitions.
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure)) => {
                continue;
            }
            message => message.unwrap(),
        };
        if ends.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
            ends.remove(&message.partition());
        }
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        messages.push(Message {
            partition: message.partition(),
            offset: message.offset(),
            timestamp_millis: message.timestamp().to_millis().unwrap(),
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers
                .flat_map(|header| [header.key.as_bytes(), header.value.unwrap_or_default()])
                .flatten()
                .copied()
                .collect(),
        });
    }
    messages.sort_by_key(|message| (message.partition, message.offset));
    messages
}

/// How many messages have ever been written to the topic.
pub fn size(bootstrap: &str, topic: &str) -> i64 {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    let partitions = metadata.topics()[0].partitions();
    partitions
        .iter()
        .map(|partition| consumer.fetch_watermarks(topic, partition.id(), TIMEOUT).unwrap().1)
        .sum()
}

/// The counts of a session in the order in which they came into the topic first.
pub fn counts(messages: &[Message], session: Uuid) -> Vec<u64> {
    by_session(messages).remove(&session).unwrap_or_default()
}

/// The counts of every session in the order in which they came into the topic first. A repeat comes
/// after the first, and changes nothing.
pub fn by_session(messages: &[Message]) -> BTreeMap<Uuid, Vec<u64>> {
    let mut seen = BTreeSet::new();
    let mut sessions = BTreeMap::<Uuid, Vec<u64>>::new();
    for message in messages {
        let (session, count) = (message.session(), message.press().event.count);
        if seen.insert((session, count)) {
            sessions.entry(session).or_default().push(count);
        }
    }
    sessions
}

/// Checks that every event of the ledger is in the topic, and each session in order.
pub fn assert_in_order(messages: &[Message], ledger: &Ledger) {
    let found = by_session(messages);
    let mut expected = BTreeMap::<Uuid, Vec<u64>>::new();
    for (session, count) in ledger.keys() {
        expected.entry(*session).or_default().push(*count);
    }
    for (session, counts) in expected {
        assert_eq!(found.get(&session), Some(&counts), "session {session}");
    }
}

/// Checks that exactly the events of the ledger are in the topic, each session in order. Returns how many
/// of the messages are repeats.
pub fn assert_exact(messages: &[Message], ledger: &Ledger) -> usize {
    assert_in_order(messages, ledger);
    for message in messages {
        let event = message.press().event;
        let acknowledged = ledger.get(&(message.session(), event.count));
        assert_eq!(acknowledged, Some(&event), "{message:?}");
    }
    messages.len() - ledger.len()
}
