//! Producer of events, with their delivery reports.

use crate::{
    certificates::Certificates,
    context::Context,
    delivery_report::{Outcome, PendingBatch, PendingMessage},
    error::{BatchError, ProduceError},
    settings::{KafkaSettings, MESSAGE_TIMEOUT, PRODUCER, SettingsError},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use rdkafka::{
    error::KafkaError,
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use schemas::{ButtonPress, RecordMetadata, Timestamp, avro::Encoder, frame::Messages};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// How long pending batches may use a client that was replaced.
const DRAIN_TIMEOUT: Duration = MESSAGE_TIMEOUT.saturating_mul(2);

/// Producer of one topic, which is replaced after a fatal error and for new certificates.
pub struct Kafka {
    settings: KafkaSettings,
    client: ArcSwap<Client>,
    /// Held while the client is replaced.
    replacing: Mutex<()>,
    /// Why changed certificate files are not in use, as it was logged.
    certificate_error: Mutex<Option<String>>,
    encoder: Encoder,
    schema_id: ArcSwapOption<u32>,
    /// How far this machine's clock is ahead of Kafka's, in milliseconds; 0 for one that is behind.
    clock_lead: AtomicI64,
}

/// A producer, and the certificates that it was made with.
struct Client {
    producer: ThreadedProducer<Context>,
    certificates: Option<Arc<Certificates>>,
}

impl Client {
    fn new(
        settings: &KafkaSettings,
        certificates: Option<Arc<Certificates>>,
    ) -> Result<Self, SettingsError> {
        let context = Context::new(&settings.topic);
        let producer = settings.client(&PRODUCER, certificates.as_deref(), context)?;
        Ok(Self { producer, certificates })
    }

    fn context(&self) -> &Context {
        self.producer.client().context()
    }
}

impl Kafka {
    /// Creates the producer, which connects in the background.
    pub fn new(settings: KafkaSettings) -> anyhow::Result<Self> {
        let certificates = settings.load_certificates()?.map(Arc::new);
        Ok(Self {
            client: ArcSwap::from_pointee(Client::new(&settings, certificates)?),
            replacing: Mutex::default(),
            certificate_error: Mutex::default(),
            encoder: Encoder::new()?,
            schema_id: ArcSwapOption::empty(),
            clock_lead: AtomicI64::new(0),
            settings,
        })
    }

    /// Sets the id of the schema, which messages name. Without one nothing can be produced.
    pub(crate) fn set_schema_id(&self, id: Option<u32>) {
        self.schema_id.store(id.map(Arc::new));
    }

    /// The id of the schema, which messages name.
    pub(crate) fn schema_id(&self) -> Option<u32> {
        self.schema_id.load().as_deref().copied()
    }

    /// Sets how far this machine's clock is ahead of Kafka's: records get Kafka's time.
    pub(crate) fn set_clock_lead(&self, lead: Duration) {
        self.clock_lead.store(i64::try_from(lead.as_millis()).unwrap_or(i64::MAX), Relaxed);
    }

    /// Milliseconds since 1970, by Kafka's clock.
    fn kafka_time(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        now.saturating_sub(self.clock_lead.load(Relaxed))
    }

    /// Produces the events, each with the time of its receipt, in their order, and waits until each is
    /// acknowledged by all in-sync replicas or has failed. Returns where each is, if Kafka returned it.
    ///
    /// # Errors
    /// The events that may not be in the topic.
    pub(crate) async fn produce(
        &self,
        events: impl ExactSizeIterator<Item = (&ButtonPress, Timestamp)>,
    ) -> Result<Vec<Option<RecordMetadata>>, BatchError> {
        let count = events.len();
        let Some(schema_id) = self.schema_id() else {
            let error = ProduceError::transient("the schema is not registered yet");
            return Err(BatchError::all(count, error));
        };
        let client = self.client.load_full();
        // All are enqueued before any is awaited, so that they travel in one batch.
        // librdkafka copies each message, so that one buffer serves all.
        let mut messages = Messages::new(&self.encoder, schema_id);
        let now = self.kafka_time();
        let (batch, outcome) = PendingBatch::new(count);
        for (index, (press, received_at)) in events.enumerate() {
            // The clock may have been ahead when the event was stored.
            let timestamp = received_at.millis().min(now);
            self.enqueue(&client.producer, press, timestamp, &mut messages, batch.message(index));
        }
        drop(batch);
        // The batch always sends its outcome; without one, every event counts as failed.
        let Ok(Outcome { delivered, mut failed }) = outcome.await else {
            let error = ProduceError::transient("the producer was closed");
            return Err(BatchError::all(count, error));
        };
        failed.sort_unstable_by_key(|(index, _)| *index);
        let (rejected, failed): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(_, error)| error.is_rejection());
        let error = match (failed.last(), rejected.last()) {
            (Some((_, error)), _) => {
                let fatal = self.replace_if_fatal(&client);
                self.root_cause(fatal.unwrap_or_else(|| error.clone()))
            }
            (None, Some((_, error))) => error.clone(),
            (None, None) => return Ok(delivered),
        };
        let indices = |of: Vec<(usize, _)>| of.into_iter().map(|(index, _)| index).collect();
        Err(BatchError { delivered, failed: indices(failed), rejected: indices(rejected), error })
    }

    /// Enqueues an event, whose outcome is reported to its pending message.
    fn enqueue(
        &self,
        producer: &ThreadedProducer<Context>,
        press: &ButtonPress,
        timestamp: i64,
        messages: &mut Messages<'_>,
        pending: PendingMessage,
    ) {
        let message = match messages.of(press) {
            Ok(message) => message,
            Err(error) => {
                let rejection = ProduceError::rejection("the event does not fit the schema");
                return pending.failed(rejection.with_source(error));
            }
        };
        // The key keeps a session in one partition, and so in order.
        let mut key = schemas::Uuid::encode_buffer();
        let key: &str = press.session_id.hyphenated().encode_lower(&mut key);
        let record = BaseRecord::with_opaque_to(&self.settings.topic, Box::new(pending))
            .key(key)
            .payload(message)
            .timestamp(timestamp);
        if let Err((error, record)) = producer.send(record) {
            record.delivery_opaque.failed(ProduceError::from_kafka(&error, &self.settings.topic));
        }
    }

    /// The misconfiguration of the connection, if it has one, of which an error may be a consequence.
    pub(crate) fn root_cause(&self, error: ProduceError) -> ProduceError {
        if error.is_misconfiguration() {
            return error;
        }
        let connection_error = self.client.load().context().connection_error();
        connection_error.filter(ProduceError::is_misconfiguration).unwrap_or(error)
    }

    /// Checks that the topic exists. Blocks for up to 2 s.
    ///
    /// # Errors
    /// If Kafka does not answer, or has no such topic for this user.
    pub(crate) fn check_topic(&self) -> Result<(), ProduceError> {
        let topic = &self.settings.topic;
        let client = self.client.load_full();
        // Not repeated: librdkafka repeats it within the timeout if a connection is closed, and a second query
        // would go to the same broker if that hangs.
        let metadata = client.producer.client().fetch_metadata(Some(topic), METADATA_TIMEOUT);
        let metadata = metadata.map_err(|error| {
            match ProduceError::from_kafka(&error, topic) {
                error if error.is_misconfiguration() => error,
                // The error of the connection is more specific than the timeout of the request.
                error => client.context().connection_error().unwrap_or(error),
            }
        })?;
        client.context().set_connected();
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.and_then(|found| found.error()) {
            Some(error) => {
                Err(ProduceError::from_kafka(&KafkaError::MetadataFetch(error.into()), topic))
            }
            None => Ok(()),
        }
    }

    /// Replaces a client whose idempotent producer has failed fatally and rejects every message. Returns
    /// the error.
    fn replace_if_fatal(&self, client: &Arc<Client>) -> Option<ProduceError> {
        let (code, reason) = client.producer.client().fatal_error()?;
        match self.replace(client, client.certificates.clone()) {
            Ok(true) => tracing::debug!("the Kafka producer failed and was replaced: {reason}"),
            // Another batch that failed with it has replaced it.
            Ok(false) => {}
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::error!("cannot replace the Kafka producer: {error:#}");
            }
        }
        let error = ProduceError::from_code(code, &self.settings.topic);
        Some(match error.is_misconfiguration() {
            true => error,
            false => ProduceError::transient("the Kafka producer failed").with_source(reason),
        })
    }

    /// Replaces the client. Returns false if that has been done meanwhile. The old one is dropped when no
    /// batch uses it any more.
    ///
    /// A session waits for its acknowledgements, so none of its events in the new producer overtakes one in
    /// the old one.
    fn replace(
        &self,
        current: &Arc<Client>,
        certificates: Option<Arc<Certificates>>,
    ) -> Result<bool, SettingsError> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&self.client.load(), current) {
            return Ok(false);
        }
        let new = Client::new(&self.settings, certificates)?;
        let old = self.client.swap(Arc::new(new));
        tokio::task::spawn_blocking(move || drain_and_drop(old));
        Ok(true)
    }

    /// Replaces the client if there are new certificate files that are whole and valid.
    ///
    /// # Errors
    /// If neither those nor the certificates in use are valid. Kafka's own errors are less specific, or occur
    /// only when a connection is made.
    pub(crate) fn reload_certificates(&self) -> Result<(), ProduceError> {
        let client = self.client.load_full();
        let Some(in_use) = &client.certificates else { return Ok(()) };
        let mut logged = self.certificate_error.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = self.reload_changed(&client, in_use) else {
            *logged = None;
            return Ok(());
        };
        let error = anyhow::Error::new(error);
        let text = format!("{error:#}");
        if logged.as_ref() != Some(&text) {
            tracing::error!("the certificate files for Kafka cannot be used: {text}");
            *logged = Some(text);
        }
        match in_use.check_validity() {
            Ok(()) => Ok(()),
            Err(_) => Err(ProduceError::misconfiguration("the certificates cannot be used")
                .with_source(error)),
        }
    }

    fn reload_changed(
        &self,
        client: &Arc<Client>,
        in_use: &Certificates,
    ) -> Result<(), SettingsError> {
        let Some(certificates) = self.settings.load_certificates()? else { return Ok(()) };
        certificates.check_validity()?;
        if certificates != *in_use && self.replace(client, Some(Arc::new(certificates)))? {
            tracing::info!("the certificates for Kafka were replaced and are in use");
        }
        Ok(())
    }

    /// A warning if certificates expire soon.
    pub(crate) fn certificate_warning(&self) -> Option<String> {
        self.certificates()?.expiry_warning()
    }

    /// When the first of the certificates in use expires, in seconds since 1970.
    pub fn certificate_expiry(&self) -> Option<i64> {
        Some(self.certificates()?.expiry())
    }

    /// The certificates in use, if Kafka requires any.
    fn certificates(&self) -> Option<Arc<Certificates>> {
        self.client.load().certificates.clone()
    }

    /// How to reach Kafka.
    pub fn settings(&self) -> &KafkaSettings {
        &self.settings
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.settings.topic
    }

    /// The number of messages without a delivery report.
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.client.load().producer.in_flight_count()).unwrap_or(0)
    }

    /// Waits for pending messages. Blocks for up to the message timeout, 4 s.
    pub fn flush(&self) {
        if let Err(error) = self.client.load_full().producer.flush(MESSAGE_TIMEOUT) {
            tracing::warn!("messages are still pending: {error}");
        }
    }
}

/// Drops a client that was replaced when no batch uses it any more: earlier, its pending messages would be
/// lost. Blocks.
fn drain_and_drop(client: Arc<Client>) {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    while Arc::strong_count(&client) > 1 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        settings::KafkaOptions,
        testing::{BEGIN, END, Issued, options, write},
    };
    use std::{fs, net::TcpListener, path::Path, thread};

    fn kafka(options: &KafkaOptions) -> Kafka {
        Kafka::new(KafkaSettings::resolve(options).unwrap().unwrap()).unwrap()
    }

    fn kafka_with(certificates: &Path) -> Kafka {
        kafka(&KafkaOptions {
            kafka_certificates: Some(certificates.to_owned()),
            ..options("127.0.0.1:1")
        })
    }

    /// The error of a client whose connections are closed without an answer.
    fn closed_connection_error(properties: &[&str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || listener.incoming().for_each(drop));
        let kafka = kafka(&KafkaOptions {
            kafka_property: properties.iter().map(|&property| property.to_owned()).collect(),
            ..options(&address)
        });
        let error = kafka.check_topic().unwrap_err();
        assert!(error.is_misconfiguration(), "{error:?}");
        error.to_string()
    }

    /// The texts for it are librdkafka's, and may change with its version.
    #[test]
    fn connection_that_is_closed_at_once_is_likely_the_wrong_protocol() {
        let tls = thread::spawn(|| closed_connection_error(&["security.protocol=ssl"]));
        let plain = closed_connection_error(&[]);
        assert!(plain.contains("speaks only TLS"), "{plain}");
        let tls = tls.join().unwrap();
        assert!(tls.contains("does not speak TLS"), "{tls}");
    }

    fn reload_error(kafka: &Kafka) -> String {
        let error = kafka.reload_certificates().unwrap_err();
        assert!(error.is_misconfiguration());
        format!("{:#}", anyhow::Error::new(error))
    }

    #[tokio::test]
    async fn expired_certificates_are_an_error_until_whole_set_replaces_them() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Issued::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, BEGIN + 1));
        let kafka = kafka_with(folder.path());
        let expired = kafka.certificates().unwrap();
        assert!(reload_error(&kafka).contains("service.cert"));
        assert!(reload_error(&kafka).contains("expired on 2020-01-01"));

        let newer = authority.user(BEGIN, END);
        fs::write(folder.path().join("service.cert"), newer.pem()).unwrap();
        assert!(reload_error(&kafka).contains("does not belong to service.cert"));
        assert!(Arc::ptr_eq(&expired, &kafka.certificates().unwrap()));

        fs::write(folder.path().join("service.key"), newer.key()).unwrap();
        kafka.reload_certificates().unwrap();
        assert_eq!(kafka.certificate_expiry(), Some(END));
    }

    #[tokio::test]
    async fn bad_files_do_not_disturb_valid_certificates_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Issued::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, END));
        let kafka = kafka_with(folder.path());
        let client = kafka.client.load_full();
        kafka.reload_certificates().unwrap();
        fs::remove_file(folder.path().join("service.key")).unwrap();
        kafka.reload_certificates().unwrap();
        write(folder.path(), &authority, &authority.user(BEGIN, BEGIN + 1));
        kafka.reload_certificates().unwrap();
        assert!(Arc::ptr_eq(&client, &kafka.client.load()));

        write(folder.path(), &authority, &authority.user(BEGIN, END - 1));
        kafka.reload_certificates().unwrap();
        assert!(!Arc::ptr_eq(&client, &kafka.client.load()));
        assert_eq!(kafka.certificate_expiry(), Some(END - 1));
    }
}
