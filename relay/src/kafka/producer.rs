//! Producing events and waiting for their delivery reports.

use super::{
    certificates::Certificates,
    context::Context,
    keeper::Keeper,
    reader::Quiet,
    refusal::{Refusal, Refused},
    reports::{Batch, Ticket},
    settings::{KafkaSettings, MESSAGE_TIMEOUT, SettingsError},
    trouble::Trouble,
};
use crate::{clock, store::Received};
use arc_swap::{ArcSwap, ArcSwapOption};
use rdkafka::{
    consumer::BaseConsumer,
    error::KafkaError,
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use schemas::{avro::Encoder, frame::Messages};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The topic to produce to.
pub struct Kafka {
    settings: KafkaSettings,
    client: ArcSwap<Client>,
    /// The certificates, if Kafka asks for any.
    keeper: Option<Keeper>,
    encoder: Encoder,
    schema_id: ArcSwapOption<u32>,
    /// How far this machine's clock is ahead of Kafka's, in milliseconds; 0 for one that is behind.
    clock_lead: AtomicI64,
}

impl Kafka {
    /// Makes the producer; it connects in the background and by itself whenever it can.
    pub fn new(settings: KafkaSettings) -> anyhow::Result<Self> {
        let keeper = settings
            .certificates
            .clone()
            .map(|(folder, certificates)| Keeper::new(folder, certificates));
        let in_use = keeper.as_ref().map(Keeper::in_use);
        Ok(Self {
            client: ArcSwap::from_pointee(Client::new(&settings, in_use.as_deref())?),
            keeper,
            encoder: Encoder::new()?,
            schema_id: ArcSwapOption::empty(),
            clock_lead: AtomicI64::new(0),
            settings,
        })
    }

    /// Sets the id that messages name their schema by. Without one nothing can be produced.
    pub fn set_schema_id(&self, id: Option<u32>) {
        self.schema_id.store(id.map(Arc::new));
    }

    /// The id that messages name their schema by.
    pub fn schema_id(&self) -> Option<u32> {
        self.schema_id.load().as_deref().copied()
    }

    /// Sets how far this machine's clock is ahead of Kafka's: records get Kafka's time.
    pub fn set_clock_lead(&self, lead: Duration) {
        self.clock_lead.store(i64::try_from(lead.as_millis()).unwrap_or(i64::MAX), Relaxed);
    }

    /// Produces the events, in their order, and waits until each is acknowledged by all in-sync
    /// replicas or has failed.
    pub async fn produce(&self, events: &[Received]) -> Result<(), Refused> {
        let Some(schema_id) = self.schema_id() else {
            return Err(Refused::all(events, Refusal::new("the schema is not registered yet")));
        };
        let client = self.client.load_full();
        // All are enqueued before any is awaited, so that they travel in one batch.
        // librdkafka copies each message, so that one buffer serves all.
        let mut messages = Messages::new(&self.encoder, schema_id);
        let now = clock::now().millis().saturating_sub(self.clock_lead.load(Relaxed));
        let (batch, outcome) = Batch::new();
        for (index, event) in events.iter().enumerate() {
            self.enqueue(&client.producer, event, now, &mut messages, batch.ticket(index));
        }
        drop(batch);
        // The batch tells its outcome whatever happens; without one, nothing is known to be there.
        let Ok(mut failed) = outcome.await else {
            return Err(Refused::all(events, Refusal::new("the producer was closed")));
        };
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_unstable_by_key(|(index, _)| *index);
        let (rejected, failed): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(_, refusal)| refusal.is_rejection());
        let indices = |of: &[(usize, Refusal)]| of.iter().map(|(index, _)| *index).collect();
        let (failed_indices, rejected_indices) = (indices(&failed), indices(&rejected));
        let refusal = match failed.into_iter().next_back() {
            Some((_, refusal)) => self.telling(self.replace_if_fatal(&client).unwrap_or(refusal)),
            None => rejected
                .into_iter()
                .next_back()
                .map_or_else(|| Refusal::new("Kafka rejects the event"), |(_, refusal)| refusal),
        };
        Err(Refused { failed: failed_indices, rejected: rejected_indices, refusal })
    }

    /// What needs a person, if something is known that does: it says more than that nothing came
    /// back in time.
    pub fn telling(&self, refusal: Refusal) -> Refusal {
        if let Some(lapse) = self.lapse() {
            return lapse;
        }
        let trouble = || self.client.load().trouble.get().filter(Refusal::needs_a_person);
        if refusal.needs_a_person() { refusal } else { trouble().unwrap_or(refusal) }
    }

    /// Hands an event to librdkafka; whatever becomes of it, the ticket tells.
    fn enqueue(
        &self,
        producer: &ThreadedProducer<Context>,
        event: &Received,
        now: i64,
        messages: &mut Messages<'_>,
        ticket: Ticket,
    ) {
        let message = match messages.of(&event.press) {
            Ok(message) => message,
            Err(error) => {
                let refusal =
                    Refusal::rejection(format!("the event does not fit the schema: {error}"));
                return ticket.failed(refusal);
            }
        };
        // The key keeps a session in one partition, and so in order.
        let mut key = schemas::Uuid::encode_buffer();
        let key: &str = event.press.session_id.hyphenated().encode_lower(&mut key);
        let record = BaseRecord::with_opaque_to(&self.settings.topic, Box::new(ticket))
            .key(key)
            .payload(message)
            // The clock may have been ahead when the event was stored.
            .timestamp(event.received_at.millis().min(now));
        if let Err((error, record)) = producer.send(record) {
            record.delivery_opaque.failed(Refusal::of_topic(&error, &self.settings.topic));
        }
    }

    /// After a fatal error an idempotent producer takes nothing any more; a new one starts afresh.
    /// Gives the error.
    fn replace_if_fatal(&self, failed: &Arc<Client>) -> Option<Refusal> {
        let (code, reason) = failed.producer.client().fatal_error()?;
        let refusal = match Refusal::of_code(code, &self.settings.topic) {
            refusal if refusal.needs_a_person() => refusal,
            _ => Refusal::new(format!("the Kafka producer failed for good: {reason}")),
        };
        // Of many requests that fail together, one suffices to replace it.
        if !Arc::ptr_eq(&self.client.load(), failed) {
            return Some(refusal);
        }
        let in_use = self.keeper.as_ref().map(Keeper::in_use);
        match Client::new(&self.settings, in_use.as_deref()) {
            Ok(fresh) => {
                tracing::debug!("{refusal}; a new producer is in its place");
                let fresh = Arc::new(fresh);
                self.client.compare_and_swap(failed, Arc::clone(&fresh));
                let failed = Arc::clone(failed);
                // The end of a producer blocks; that of the new one, if it came too late, too.
                tokio::task::spawn_blocking(move || {
                    retire(failed);
                    drop(fresh);
                });
            }
            Err(error) => tracing::error!("the Kafka producer cannot be replaced: {error}"),
        }
        Some(refusal)
    }

    /// Asks the broker for the topic. Blocks for up to two seconds.
    pub fn check_topic(&self) -> Result<(), Refusal> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let topic = &self.settings.topic;
        let client = self.client.load_full();
        let metadata =
            client.producer.client().fetch_metadata(Some(topic), PATIENCE).map_err(|error| {
                match Refusal::of_topic(&error, topic) {
                    refusal if refusal.needs_a_person() => refusal,
                    // The connection's own trouble says more than "timed out".
                    refusal => client.trouble.get().unwrap_or(refusal),
                }
            })?;
        client.trouble.clear();
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found.and_then(|found| found.error()) {
            Some(error) => Err(Refusal::of_topic(&KafkaError::MetadataFetch(error.into()), topic)),
            None => Ok(()),
        }
    }

    /// Why the relay's certificates cannot be used now, if that is so: Kafka would say it less
    /// clearly, or only when the connection is made anew.
    fn lapse(&self) -> Option<Refusal> {
        self.keeper.as_ref().and_then(Keeper::lapse).map(Refusal::for_a_person)
    }

    /// Takes up certificate files that were replaced by others that are sound. Blocks for up to the message
    /// timeout then. A session waits for its acknowledgements, so none of its events that the new producer
    /// gets overtakes one that the old one still has.
    pub fn reload_certificates(&self) -> Result<(), Refusal> {
        if let Some(renewal) = self.renewal() {
            self.renew(renewal);
            tracing::info!("the certificates for Kafka were replaced and are in use");
        }
        self.lapse().map_or(Ok(()), Err)
    }

    /// What to say of certificates that expire soon.
    pub fn certificate_warning(&self) -> Option<String> {
        self.keeper.as_ref()?.in_use().expires_soon()
    }

    /// When the first of the certificates in use expires, in seconds since 1970.
    pub fn certificate_expiry(&self) -> Option<i64> {
        Some(self.keeper.as_ref()?.in_use().expiry())
    }

    /// Looks at the certificate files. If they were replaced by others that are sound, there is a
    /// producer that uses these. Blocks for a moment then.
    fn renewal(&self) -> Option<Renewal> {
        let keeper = self.keeper.as_ref()?;
        let certificates = keeper.newer()?;
        match Client::new(&self.settings, Some(&certificates)) {
            Ok(client) => Some(Renewal { certificates, client }),
            Err(error) => {
                keeper.complain(&error);
                None
            }
        }
    }

    /// Lets the messages that are under way arrive or fail, and puts the new producer in the place
    /// of the old. Blocks for up to the message timeout, and for as long again if need be.
    fn renew(&self, Renewal { certificates, client }: Renewal) {
        let Some(keeper) = &self.keeper else { return };
        self.flush();
        // First the certificates: a producer that fails for good now is replaced by one with them.
        keeper.take(certificates);
        retire(self.client.swap(Arc::new(client)));
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.settings.topic
    }

    /// The certificates in use, if Kafka asks for any.
    pub(super) fn certificates(&self) -> Option<Arc<Certificates>> {
        self.keeper.as_ref().map(Keeper::in_use)
    }

    /// A consumer of the same Kafka.
    pub(super) fn consumer(
        &self,
        certificates: Option<&Certificates>,
    ) -> Result<BaseConsumer<Quiet>, Refusal> {
        self.settings.consumer(certificates, Quiet).map_err(|error| Refusal::new(error.to_string()))
    }

    /// Messages that wait for their delivery report.
    pub fn in_flight(&self) -> usize {
        usize::try_from(self.client.load().producer.in_flight_count()).unwrap_or(0)
    }

    /// Waits for the messages that are under way. Blocks for up to the message timeout.
    pub fn flush(&self) {
        if let Err(error) = self.client.load_full().producer.flush(MESSAGE_TIMEOUT) {
            tracing::warn!("messages are still under way: {error}");
        }
    }
}

/// A producer with newer certificates, which is not in use yet.
struct Renewal {
    certificates: Certificates,
    client: Client,
}

/// A producer, and what troubles its connections: not those of the one before or after it.
struct Client {
    producer: ThreadedProducer<Context>,
    trouble: Trouble,
}

impl Client {
    fn new(
        settings: &KafkaSettings,
        certificates: Option<&Certificates>,
    ) -> Result<Self, SettingsError> {
        let trouble = Trouble::default();
        let producer = settings.producer(certificates, Context { trouble: trouble.clone() })?;
        Ok(Self { producer, trouble })
    }
}

/// Waits until nobody uses a producer that was replaced: to drop it earlier would be to drop the
/// messages that are under way. Blocks, also because the end of a producer does.
fn retire(client: Arc<Client>) {
    let patience = Instant::now() + 2 * MESSAGE_TIMEOUT;
    while Arc::strong_count(&client) > 1 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(50));
    }
}
