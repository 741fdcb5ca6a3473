//! librdkafka's callbacks: log lines, errors of connections, delivery reports.

use crate::{delivery_report::PendingMessage, error::ProduceError};
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
    producer::{DeliveryResult, ProducerContext},
};
use schemas::{RecordMetadata, frame};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Age at which an error that did not recur expires. Twice the 30 s for which librdkafka suppresses an
/// error that is identical to the last one of the same broker.
const ERROR_EXPIRY: Duration = Duration::from_secs(60);

/// Context of a client.
pub struct Context {
    topic: String,
    /// Whether librdkafka's lines are logged by their level, or for debugging only.
    logs: bool,
    errors: Mutex<ErrorTracker>,
}

/// The last error of a client's connections, so that the root cause is reported steadily.
#[derive(Default)]
struct ErrorTracker {
    last: Option<(ProduceError, Instant)>,
    /// Whether Kafka has answered, which proves the settings.
    has_connected: bool,
}

impl Context {
    /// The context of a producer.
    pub(crate) fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), logs: true, errors: Mutex::default() }
    }

    /// The context of a topic reader, which logs for debugging only: a producer beside it logs the same errors
    /// of the same Kafka.
    pub(crate) fn for_reader(topic: &str) -> Self {
        Self { logs: false, ..Self::new(topic) }
    }

    /// The last error of the connections, if they have one.
    pub(crate) fn connection_error(&self) -> Option<ProduceError> {
        self.errors().current(Instant::now())
    }

    /// Records that Kafka has answered, and clears earlier errors.
    pub(crate) fn set_connected(&self) {
        *self.errors() = ErrorTracker { last: None, has_connected: true };
    }

    fn record(&self, code: Option<RDKafkaErrorCode>, text: &str) {
        self.errors().record(code, text, &self.topic, Instant::now());
    }

    fn errors(&self) -> MutexGuard<'_, ErrorTracker> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ErrorTracker {
    /// Records an error.
    ///
    /// A transient one does not replace a misconfiguration: a name with two addresses, of which one
    /// rejects the password and the other does not answer, has both in turn. An error that recurs keeps
    /// its text, in which brokers and addresses differ each time.
    fn record(&mut self, code: Option<RDKafkaErrorCode>, text: &str, topic: &str, now: Instant) {
        let error = ProduceError::from_connection(code, text, topic, self.has_connected);
        let Some(error) = error else { return };
        match self.current(now) {
            Some(last) if last.to_string() == error.to_string() => self.last = Some((last, now)),
            Some(last) if last.is_misconfiguration() && !error.is_misconfiguration() => {}
            _ => self.last = Some((error, now)),
        }
    }

    fn current(&self, now: Instant) -> Option<ProduceError> {
        let (error, at) = self.last.as_ref()?;
        (now.saturating_duration_since(*at) < ERROR_EXPIRY).then(|| error.clone())
    }
}

impl ClientContext for Context {
    // librdkafka's lines name brokers, never visitors, of which it has no data.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            // Closed connections are only in the log. Its lines begin with the thread, in brackets.
            self.record(None, message.split_once("]: ").map_or(message, |(_, text)| text));
        }
        match level {
            _ if !self.logs => tracing::debug!(facility, "librdkafka: {message}"),
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
        // A reader is at the end of a partition, as it is most of the time.
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PartitionEOF)) {
            return;
        }
        tracing::debug!("Kafka client: {error}: {reason}");
        if let Some(code) = error.rdkafka_error_code() {
            self.record(Some(code), reason);
        }
    }
}

impl ConsumerContext for Context {}

/// Where a delivered message is; `None` where Kafka gives no offset.
fn metadata(record: &BorrowedMessage<'_>) -> Option<RecordMetadata> {
    let value = record.payload().unwrap_or_default();
    let (schema_id, _) = frame::split(value).ok()?;
    let (partition, offset) = (record.partition(), record.offset());
    (offset >= 0).then_some(RecordMetadata { partition, offset, schema_id, bytes: value.len() })
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<PendingMessage>;

    fn delivery(&self, result: &DeliveryResult<'_>, message: Box<PendingMessage>) {
        match result {
            Ok(record) => message.delivered(metadata(record)),
            Err((error, record)) => {
                message.failed(ProduceError::from_kafka(error, record.topic()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use RDKafkaErrorCode as Code;

    fn error_chain(error: ProduceError) -> String {
        format!("{:#}", anyhow::Error::new(error))
    }

    const A: &str = "sasl_ssl://a.example.com:9093/bootstrap";
    const B: &str = "sasl_ssl://b.example.com:9093/2";

    /// A tracker with a clock that is set by hand.
    struct Observed {
        tracker: ErrorTracker,
        start: Instant,
    }

    impl Observed {
        fn new() -> Self {
            Self { tracker: ErrorTracker::default(), start: Instant::now() }
        }

        fn record(&mut self, second: u64, code: Code, text: &str) {
            let now = self.start + Duration::from_secs(second);
            self.tracker.record(Some(code), text, "button_presses", now);
        }

        fn wrong_password(&mut self, second: u64, broker: &str) {
            let text = format!(
                "{broker}: SASL authentication error: Authentication failed (after {second}ms in \
                 state AUTH_REQ, 3 identical error(s) suppressed)"
            );
            self.record(second, Code::Authentication, &text);
        }

        fn unreachable(&mut self, second: u64, broker: &str) {
            let text = format!("{broker}: Connect to ipv4#10.0.0.1:9093 failed: refused");
            self.record(second, Code::BrokerTransportFailure, &text);
        }

        fn at(&self, second: u64) -> Option<ProduceError> {
            self.tracker.current(self.start + Duration::from_secs(second))
        }

        fn is_misconfigured(&self, second: u64) -> bool {
            self.at(second).unwrap().is_misconfiguration()
        }
    }

    #[test]
    fn consequence_does_not_hide_root_cause() {
        let mut observed = Observed::new();
        observed.wrong_password(0, A);
        observed.record(0, Code::AllBrokersDown, "1/1 brokers are down");
        observed.record(2, Code::OperationTimedOut, &format!("{A}: 1 request(s) timed out"));
        // librdkafka suppresses an error that is always the same for 30 s.
        let text = |second| error_chain(observed.at(second).unwrap());
        let texts = [0, 1, 29].map(text);
        // A broker's name changes with the first metadata, which has its id.
        observed.wrong_password(31, &A.replace("bootstrap", "1"));
        let later = error_chain(observed.at(32).unwrap());
        assert!(texts.iter().all(|text| *text == later), "{texts:?}: {later}");
        assert!(later.contains("check sasl.username") && later.ends_with("Authentication failed"));
        assert!(observed.is_misconfigured(32));
    }

    #[test]
    fn broker_that_is_down_does_not_hide_misconfiguration() {
        let mut observed = Observed::new();
        // As often as librdkafka reports them: each 30 s.
        for second in (0..300).step_by(30) {
            observed.wrong_password(second, A);
            observed.unreachable(second + 3, B);
            for later in [1, 5, 29] {
                assert!(observed.is_misconfigured(second + later));
            }
        }
    }

    #[test]
    fn error_that_does_not_recur_expires() {
        let mut observed = Observed::new();
        observed.wrong_password(0, A);
        observed.unreachable(30, A);
        observed.unreachable(70, A);
        assert!(!observed.is_misconfigured(71));
        assert!(observed.at(70 + ERROR_EXPIRY.as_secs()).is_none());
    }

    #[test]
    fn answer_clears_error_and_proves_settings() {
        let context = Context::new("button_presses");
        let closed = format!(
            "{A}: SSL handshake failed: Disconnected: connection closed by peer (after 3ms in \
             state SSL_HANDSHAKE)"
        );
        context.record(Some(Code::BrokerTransportFailure), &closed);
        assert!(context.connection_error().unwrap().is_misconfiguration());
        context.set_connected();
        assert!(context.connection_error().is_none());
        // A broker that is stopped during a handshake.
        context.record(Some(Code::BrokerTransportFailure), &closed);
        assert!(!context.connection_error().unwrap().is_misconfiguration());
    }

    #[test]
    fn closed_connection_is_recorded_from_log() {
        let context = Context::new("button_presses");
        let log = |line| context.log(RDKafkaLogLevel::Info, "FAIL", line);
        log("[thrd:app]: kafka:9092/1: Broker changed");
        assert!(context.connection_error().is_none());
        log(
            "[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Disconnected: connection closed by \
             peer (after 3ms in state APIVERSION_QUERY)",
        );
        let text = error_chain(context.connection_error().unwrap());
        assert!(text.starts_with("Kafka speaks only TLS"), "{text}");
        let reported = "kafka:9092/bootstrap: Disconnected: connection closed by peer";
        assert!(text.ends_with(&format!(": {reported}")), "{text}");
    }
}
