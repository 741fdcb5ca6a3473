//! Straight to Kafka, as fast as it takes it.

use super::{Destination, report::Journey};
use anyhow::Context;
use kafka_client::{KafkaSettings, ProduceError, Registry};
use rdkafka::{
    ClientContext, Message,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    util::Timeout,
};
use schemas::{ButtonPress, Timestamp, Uuid, avro::Encoder, frame};
use std::{
    net::IpAddr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const PRODUCER: [(&str, &str); 9] = [
    ("client.id", "kafka-button-tools"),
    // What is reported is in Kafka, once and in order: KIP-98.
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("compression.type", "lz4"),
    // As the relay's.
    ("partitioner", "murmur2_random"),
    // Many and large batches: nobody waits for a single event.
    ("linger.ms", "50"),
    ("batch.size", "1000000"),
    ("queue.buffering.max.messages", "500000"),
    // A broker that is restarted does not end it.
    ("message.timeout.ms", "120000"),
];

/// How often delivery reports are looked at while sending.
const LOOK_EVERY: u64 = 1000;

/// A producer.
pub struct Kafka {
    producer: BaseProducer<Reports>,
    topic: String,
    encoder: Encoder,
    schema_id: u32,
    sent: u64,
}

/// Counts delivery reports.
#[derive(Default)]
struct Reports {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<KafkaError>>,
    said: Mutex<Option<String>>,
}

impl ClientContext for Reports {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if let Ok(mut said) = self.said.lock() {
            *said = Some(format!("{error}: {reason}"));
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, report: &DeliveryResult<'_>, (): ()) {
        match report {
            Ok(_) => self.delivered.fetch_add(1, Ordering::Relaxed),
            Err((error, message)) => {
                if let Ok(mut first) = self.first_failure.lock()
                    && first.is_none()
                {
                    *first = Some(error.clone());
                }
                let _ = message.payload();
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

impl Kafka {
    /// Registers the schema, and asks Kafka for the topic: what cannot work is said before anything is
    /// made.
    pub fn connect(settings: &KafkaSettings) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let registry = Registry::new(settings.registry.clone())?;
        let schema_id = runtime.block_on(registry.register(&settings.topic))?.id;
        let config = settings.client_config(&PRODUCER)?;
        let producer = BaseProducer::from_config_and_context(&config, Reports::default())?;
        let topic = settings.topic.clone();
        let found = producer.client().fetch_metadata(Some(&topic), Duration::from_secs(10));
        let found = found.map_err(|error| unanswered(&producer, &error, &topic))?;
        if let Some(error) = found.topics().iter().find_map(|topic| topic.error()) {
            let error = KafkaError::MetadataFetch(RDKafkaErrorCode::from(error));
            return Err(unanswered(&producer, &error, &topic));
        }
        Ok(Self { producer, topic, encoder: Encoder::new()?, schema_id, sent: 0 })
    }
}

/// What Kafka's error means, with what was said besides.
fn unanswered(producer: &BaseProducer<Reports>, error: &KafkaError, topic: &str) -> anyhow::Error {
    let error = ProduceError::from_kafka(error, topic);
    producer.poll(Duration::ZERO);
    let said = producer.context().said.lock().ok().and_then(|said| said.clone());
    match said.filter(|_| !error.is_misconfiguration()) {
        Some(said) => error.with_source(said).into(),
        None => error.into(),
    }
}

impl Destination for Kafka {
    fn send(
        &mut self,
        press: &ButtonPress,
        _: IpAddr,
        received_at: Timestamp,
    ) -> anyhow::Result<()> {
        let message = frame::encode(&self.encoder, self.schema_id, press)?;
        let mut key = Uuid::encode_buffer();
        let key: &str = press.session_id.hyphenated().encode_lower(&mut key);
        let mut record =
            BaseRecord::to(&self.topic).key(key).payload(&message).timestamp(received_at.millis());
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(50));
                }
                Err((error, _)) => return Err(unanswered(&self.producer, &error, &self.topic)),
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(LOOK_EVERY) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Journey> {
        self.producer.flush(Timeout::Never).context("the last messages")?;
        let reports = self.producer.context();
        let failed = reports.failed.load(Ordering::Relaxed);
        if failed > 0 {
            let first = reports.first_failure.lock().ok().and_then(|first| first.clone());
            let text = format!("{failed} of {} messages did not arrive in Kafka", self.sent);
            return Err(match first {
                Some(error) => {
                    anyhow::Error::new(ProduceError::from_kafka(&error, &self.topic)).context(text)
                }
                None => anyhow::anyhow!(text),
            });
        }
        let delivered = reports.delivered.load(Ordering::Relaxed);
        Ok(Journey::Kafka { topic: self.topic.clone(), delivered })
    }
}
