//! Reads the topic as any consumer would, from its beginning.

use crate::world::Ledger;
use kafka_client::{End, KafkaOptions, KafkaSettings, Reader, Start};
use rdkafka::{
    Message as _,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use schemas::Uuid;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
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
    read_with(&settings(bootstrap, topic, None))
}

/// As [`read`], with these settings.
pub fn read_with(settings: &KafkaSettings) -> Vec<Message> {
    let size = size_with(settings);
    let mut reader = Reader::new(settings.clone(), "e2e", Start::Beginning, End::Current);
    reader.open(TIMEOUT).unwrap();
    assert_eq!(reader.partitions(), 3);
    let mut messages = Vec::new();
    let deadline = Instant::now() + TIMEOUT;
    while let Some(progress) = reader.progress() {
        assert!(Instant::now() < deadline, "the topic could not be read to its end: {progress:?}");
        let Some(message) = reader.poll(Duration::from_millis(200)).unwrap() else { continue };
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
    // That nothing was left out is not the reader's word.
    let mut next = BTreeMap::new();
    for message in &messages {
        let next: &mut i64 = next.entry(message.partition).or_default();
        assert_eq!(message.offset, *next, "a gap in partition {}", message.partition);
        *next += 1;
    }
    assert!(messages.len() >= usize::try_from(size).unwrap(), "{} of {size}", messages.len());
    messages
}

/// How many messages have ever been written to the topic.
pub fn size(bootstrap: &str, topic: &str) -> i64 {
    size_with(&settings(bootstrap, topic, None))
}

/// By a client of its own, since the reader is judged by it.
fn size_with(settings: &KafkaSettings) -> i64 {
    let consumer: BaseConsumer = settings.client_config(&[]).unwrap().create().unwrap();
    let metadata = consumer.fetch_metadata(Some(&settings.topic), TIMEOUT).unwrap();
    let partitions = metadata.topics()[0].partitions().iter();
    let end = |id| consumer.fetch_watermarks(&settings.topic, id, TIMEOUT).unwrap().1;
    partitions.map(|partition| end(partition.id())).sum()
}

/// How to reach the topic.
pub fn settings(bootstrap: &str, topic: &str, certificates: Option<&Path>) -> KafkaSettings {
    let options = KafkaOptions {
        kafka_service_uri: Some(bootstrap.to_owned()),
        // One has to be named; it is not queried.
        schema_registry_uri: Some("http://127.0.0.1:1".to_owned()),
        kafka_certificates: certificates.map(Path::to_owned),
        topic: topic.to_owned(),
        ..KafkaOptions::default()
    };
    KafkaSettings::resolve(&options).unwrap().unwrap()
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
