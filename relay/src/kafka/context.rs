//! What librdkafka tells by itself: its log, and errors that belong to no message.

use super::producer::Refusal;
use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::sync::{Arc, Mutex, PoisonError};

/// The latest error of the connection, which says more than the time-outs that follow from it.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<Refusal>>>);

impl Trouble {
    /// Remembers it.
    fn set(&self, refusal: Refusal) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
    }

    /// It is over.
    pub fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What it is, if any.
    pub fn get(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Receives the client's callbacks.
#[derive(Clone, Default)]
pub struct Context {
    /// Where errors are left for others to see.
    pub trouble: Trouble,
}

impl ClientContext for Context {
    // librdkafka's own lines name brokers, never visitors: it knows nothing of those.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(facility, "librdkafka: {message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("Kafka client: {error}: {reason}");
        self.trouble.set(match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication) => {
                Refusal::for_a_person(format!("{reason}: check the user name and the password"))
            }
            Some(RDKafkaErrorCode::SSL) => Refusal::for_a_person(format!(
                "{reason}: check ca.pem, service.cert and service.key"
            )),
            _ => Refusal::new(reason),
        });
    }
}
