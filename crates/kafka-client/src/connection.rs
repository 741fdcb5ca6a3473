//! A connection to Kafka and the registry: what it needs is established and checked before events are
//! produced, and at intervals in between.

use crate::{BatchError, Kafka, ProduceError, Registry, RegistryError};
use schemas::{Received, RecordMetadata};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{task::spawn_blocking, time::Instant};

/// Longer than the producer's message timeout, so that it ends a batch only if that one fails.
const PRODUCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval between two checks that the registry still has the schema under its id. One that lost its
/// data gives the id to another schema.
const SCHEMA_CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// A clock that is further from the registry's is reported. The `Date` of an answer counts seconds
/// (RFC 9110, section 5.6.7), and is as old as the answer's way.
const CLOCK_TOLERANCE_SECONDS: i64 = 60;

/// Why events cannot be produced now.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Kafka or its certificates.
    #[error(transparent)]
    Kafka(#[from] ProduceError),
    /// The schema registry: without the schema's id no message can be made.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl ConnectError {
    /// Whether it stays until an operator changes something.
    pub fn is_misconfiguration(&self) -> bool {
        match self {
            ConnectError::Kafka(error) => error.is_misconfiguration(),
            ConnectError::Registry(error) => error.is_misconfiguration(),
        }
    }
}

/// Kafka with its schema registry.
pub struct Connection {
    kafka: Arc<Kafka>,
    registry: Registry,
    /// When the registry last confirmed the schema's id.
    schema_checked: Mutex<Option<Instant>>,
    /// How far this machine's clock is ahead of the registry's, in seconds.
    clock_lead: AtomicI64,
}

impl Connection {
    /// Sends nothing yet.
    pub fn new(kafka: Arc<Kafka>, registry: Registry) -> Self {
        let (schema_checked, clock_lead) = (Mutex::default(), AtomicI64::new(0));
        Self { kafka, registry, schema_checked, clock_lead }
    }

    /// Reloads the certificates, checks the schema's id, then the topic.
    ///
    /// # Errors
    /// Why nothing can be produced now.
    pub async fn establish(&self) -> Result<(), ConnectError> {
        let failed =
            |error| Err(ProduceError::transient("checking Kafka failed").with_source(error));
        let kafka = Arc::clone(&self.kafka);
        spawn_blocking(move || kafka.reload_certificates()).await.unwrap_or_else(failed)?;
        self.check_schema().await?;
        let kafka = Arc::clone(&self.kafka);
        spawn_blocking(move || kafka.check_topic()).await.unwrap_or_else(failed)?;
        Ok(())
    }

    /// Produces the events in their order, and waits until each is acknowledged by all in-sync replicas or
    /// has failed. Returns where each is, if Kafka returned it.
    ///
    /// # Errors
    /// Which events are not known to be in the topic.
    pub async fn produce(
        &self,
        events: &[Received],
    ) -> Result<Vec<Option<RecordMetadata>>, BatchError> {
        let presses = events.iter().map(|event| (&event.press, event.received_at));
        let produced = tokio::time::timeout(PRODUCE_TIMEOUT, self.kafka.produce(presses)).await;
        produced.unwrap_or_else(|_| {
            let error = ProduceError::transient("Kafka did not acknowledge in time");
            Err(BatchError::all(events.len(), self.kafka.root_cause(error)))
        })
    }

    /// What the operator has to attend to although events are produced.
    pub fn warnings(&self) -> Vec<String> {
        let clock = clock_warning(self.clock_lead.load(Relaxed));
        clock.into_iter().chain(self.kafka.certificate_warning()).collect()
    }

    /// Makes sure that the registry knows the schema under the id that messages name. Registering what
    /// is registered returns its id.
    async fn check_schema(&self) -> Result<(), RegistryError> {
        let checked = *self.schema_checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.is_some_and(|at| at.elapsed() < SCHEMA_CHECK_INTERVAL) {
            return Ok(());
        }
        let known = self.kafka.schema_id();
        let registered = match self.registry.register(self.kafka.topic()).await {
            Ok(registered) => registered,
            // It is not needed for messages whose schema it has.
            Err(error) if !error.is_misconfiguration() && known.is_some() => {
                tracing::debug!("the schema's id is not checked: {:#}", anyhow::Error::from(error));
                return Ok(());
            }
            Err(error) => {
                // Messages must not name a schema that may be another's by now.
                self.kafka.set_schema_id(None);
                *self.schema_checked.lock().unwrap_or_else(PoisonError::into_inner) = None;
                return Err(error);
            }
        };
        let id = registered.id;
        match known {
            Some(known) if known == id => {}
            Some(known) => tracing::error!(
                id,
                "the schema registry has lost the schema with the id {known}, and has it under a new \
                 id now; consumers cannot read messages that name the old one"
            ),
            None => tracing::info!(id, "the schema is registered"),
        }
        self.kafka.set_schema_id(Some(id));
        if let Some(date) = registered.date {
            self.compare_clocks(date);
        }
        *self.schema_checked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Kafka rejects records from the future (KIP-937), so none is made: their time is taken from the
    /// registry's clock, which is as near to the brokers' as the relay can see, where this machine's is
    /// ahead of it.
    fn compare_clocks(&self, registry: SystemTime) {
        let seconds = |time: SystemTime| -> i64 {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        };
        let lead = seconds(SystemTime::now()).saturating_sub(seconds(registry));
        let lead = if lead.abs() > CLOCK_TOLERANCE_SECONDS { lead } else { 0 };
        if self.clock_lead.swap(lead, Relaxed) != lead
            && let Some(warning) = clock_warning(lead)
        {
            tracing::warn!("{warning}");
        }
        self.kafka.set_clock_lead(Duration::from_secs(u64::try_from(lead).unwrap_or(0)));
    }
}

/// Returns the warning for a clock that is so many seconds ahead.
fn clock_warning(lead: i64) -> Option<String> {
    let direction = match lead {
        0 => return None,
        1.. => "ahead of",
        _ => "behind",
    };
    Some(format!(
        "this machine's clock is {} s {direction} the schema registry's: set it, by NTP for instance",
        lead.unsigned_abs()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{KafkaOptions, KafkaSettings};
    use axum::{
        Router,
        extract::State,
        http::{StatusCode, header},
    };

    /// What the registry answers.
    #[derive(Clone)]
    struct Reply {
        status: u16,
        body: &'static str,
        date: SystemTime,
    }

    /// A connection without a Kafka, and a registry whose reply can be changed.
    async fn connection(body: &'static str) -> (Connection, Arc<Mutex<Reply>>) {
        let reply = Reply { status: 200, body, date: SystemTime::now() };
        let reply = Arc::new(Mutex::new(reply));
        let answer = async |State(reply): State<Arc<Mutex<Reply>>>| {
            let Reply { status, body, date } = reply.lock().unwrap().clone();
            let date = schemas::chrono::DateTime::<schemas::chrono::Utc>::from(date);
            let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            (StatusCode::from_u16(status).unwrap(), [(header::DATE, date)], body)
        };
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&reply));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let settings = KafkaSettings::resolve(&KafkaOptions {
            kafka_service_uri: Some("127.0.0.1:1".to_owned()),
            schema_registry_uri: Some(format!("http://{address}")),
            topic: "button_presses".to_owned(),
            ..KafkaOptions::default()
        });
        let settings = settings.unwrap().unwrap();
        let registry = Registry::new(settings.registry.clone()).unwrap();
        (Connection::new(Arc::new(Kafka::new(settings).unwrap()), registry), reply)
    }

    async fn pass_check_interval() {
        tokio::time::pause();
        tokio::time::advance(SCHEMA_CHECK_INTERVAL).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn schema_id_follows_a_registry_that_lost_its_data() {
        let (connection, reply) = connection(r#"{"id":1}"#).await;
        connection.check_schema().await.unwrap();
        assert_eq!(connection.kafka.schema_id(), Some(1));
        reply.lock().unwrap().body = r#"{"id":2}"#;
        connection.check_schema().await.unwrap();
        assert_eq!(connection.kafka.schema_id(), Some(1), "it is checked now and then");
        pass_check_interval().await;
        connection.check_schema().await.unwrap();
        assert_eq!(connection.kafka.schema_id(), Some(2));
    }

    #[tokio::test]
    async fn schema_id_survives_a_registry_that_is_away() {
        let (connection, reply) = connection(r#"{"id":1}"#).await;
        connection.check_schema().await.unwrap();
        for (status, body) in [(503, ""), (500, "?"), (429, ""), (200, "<html>")] {
            *reply.lock().unwrap() = Reply { status, body, date: SystemTime::now() };
            pass_check_interval().await;
            connection.check_schema().await.unwrap();
            assert_eq!(connection.kafka.schema_id(), Some(1), "{status}");
        }
    }

    #[tokio::test]
    async fn schema_that_the_registry_refuses_is_not_named_any_more() {
        for status in [401, 403, 404, 409, 422] {
            let (connection, reply) = connection(r#"{"id":1}"#).await;
            connection.check_schema().await.unwrap();
            reply.lock().unwrap().status = status;
            pass_check_interval().await;
            let error = connection.check_schema().await.unwrap_err();
            assert!(error.is_misconfiguration(), "{status}: {error}");
            assert_eq!(connection.kafka.schema_id(), None, "{status}");
            // The next pass queries it, without an interval.
            *reply.lock().unwrap() =
                Reply { status: 200, body: r#"{"id":3}"#, date: SystemTime::now() };
            connection.check_schema().await.unwrap();
            assert_eq!(connection.kafka.schema_id(), Some(3));
        }
    }

    #[tokio::test]
    async fn clock_that_is_off_is_a_warning_until_it_is_set() {
        let (connection, reply) = connection(r#"{"id":1}"#).await;
        connection.check_schema().await.unwrap();
        assert!(connection.warnings().is_empty());
        let hours = Duration::from_secs(7200);
        for (date, direction) in
            [(SystemTime::now() - hours, "ahead of"), (SystemTime::now() + hours, "behind")]
        {
            reply.lock().unwrap().date = date;
            pass_check_interval().await;
            connection.check_schema().await.unwrap();
            let warnings = connection.warnings().join(" ");
            assert!(warnings.contains(direction) && warnings.contains("NTP"), "{warnings}");
        }
        reply.lock().unwrap().date = SystemTime::now();
        pass_check_interval().await;
        connection.check_schema().await.unwrap();
        assert!(connection.warnings().is_empty());
    }
}
