//! What librdkafka tells by itself: its log, and errors that belong to no message.

use super::trouble::Trouble;
use rdkafka::{ClientContext, config::RDKafkaLogLevel, error::KafkaError};

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
