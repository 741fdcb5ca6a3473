//! What librdkafka tells by itself: its log, errors that belong to no message, and delivery reports.

use super::{refusal::Refusal, reports::Ticket, trouble::Trouble};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};

/// Receives the client's callbacks.
#[derive(Clone, Default)]
pub struct Context {
    /// Where errors are left for others to see.
    pub(super) trouble: Trouble,
}

impl ClientContext for Context {
    // librdkafka's own lines name brokers, never visitors: it knows nothing of those.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            self.trouble.note_log(message);
        }
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
        if let Some(code) = error.rdkafka_error_code() {
            self.trouble.note(code, reason);
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        match result {
            Ok(_) => ticket.delivered(),
            Err((error, message)) => ticket.failed(Refusal::of_topic(error, message.topic())),
        }
    }
}
