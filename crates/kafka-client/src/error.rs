//! Errors of Kafka, classified and with advice: by librdkafka's error codes, and by a few of its texts.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use schemas::RecordMetadata;
use std::{error::Error, sync::Arc};

/// Error of Kafka, when an event is produced or the topic is read.
///
/// The event may be in the topic all the same, if only the acknowledgement was lost: it is delivered again
/// then, with the same identity.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProduceError {
    message: String,
    class: ErrorClass,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What has to change before the same event is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorClass {
    /// Nothing: it may be accepted later.
    Transient,
    /// An operator has to change something.
    Misconfiguration,
    /// The record: others are accepted.
    Rejection,
}

/// Some events of a batch may not be in the topic.
#[derive(Debug, thiserror::Error)]
#[error("Kafka did not acknowledge all events")]
pub struct BatchError {
    /// Where the events are that are in the topic, by their index, if Kafka returned it.
    pub delivered: Vec<Option<RecordMetadata>>,
    /// Indices of events that may be accepted later, ascending.
    pub failed: Vec<usize>,
    /// Indices of events that are rejected, ascending.
    pub rejected: Vec<usize>,
    /// The error of the last of them.
    #[source]
    pub error: ProduceError,
}

impl BatchError {
    /// The error of a batch of which no event is in the topic.
    pub(crate) fn all(events: usize, error: ProduceError) -> Self {
        let (delivered, failed) = (vec![None; events], (0..events).collect());
        Self { delivered, failed, rejected: Vec::new(), error }
    }
}

/// Error codes with their class and advice; `{topic}` stands for the topic's name. Other codes are
/// transient.
const CODES: [(&[Code], ErrorClass, &str); 13] = [
    (
        &[Code::UnknownTopicOrPartition, Code::UnknownTopic],
        ErrorClass::Misconfiguration,
        "the topic {topic} does not exist: create it, with 3 partitions, or name another with --topic",
    ),
    (
        &[Code::InvalidTopic],
        ErrorClass::Misconfiguration,
        "{topic} cannot be the name of a topic: name another with --topic",
    ),
    (
        &[Code::TopicAuthorizationFailed],
        ErrorClass::Misconfiguration,
        "no permission to write to the topic {topic}: grant the relay's user Describe and Write on \
         it, or name another topic with --topic",
    ),
    (
        &[Code::ClusterAuthorizationFailed],
        ErrorClass::Misconfiguration,
        "no permission to produce idempotently: grant the relay's user Write on the topic {topic}, \
         and before Kafka 2.8 IdempotentWrite on the cluster too",
    ),
    (
        &[Code::Authentication, Code::SaslAuthenticationFailed],
        ErrorClass::Misconfiguration,
        "Kafka refuses the user or the password: check sasl.username and sasl.password in \
         --kafka-property (KAFKA_PROPERTIES)",
    ),
    (
        &[Code::UnsupportedSASLMechanism, Code::IllegalSASLState],
        ErrorClass::Misconfiguration,
        UNSUPPORTED_MECHANISM,
    ),
    (
        &[Code::SSL],
        ErrorClass::Misconfiguration,
        "there is no TLS connection to Kafka: check the port in --kafka-service-uri, and ca.pem, \
         service.cert and service.key in the folder of --kafka-certificates",
    ),
    (
        &[Code::InvalidTimestamp, Code::InvalidRecord],
        ErrorClass::Rejection,
        "Kafka rejects the record: compare this machine's clock with Kafka's, and see \
         message.timestamp.* in the settings of the topic {topic}",
    ),
    (
        &[Code::MessageSizeTooLarge, Code::MessageBatchTooLarge],
        ErrorClass::Rejection,
        "Kafka rejects the record: raise max.message.bytes of the topic {topic}",
    ),
    (
        &[Code::PolicyViolation],
        ErrorClass::Rejection,
        "Kafka rejects the record: see the policies of Kafka's operator",
    ),
    (
        &[Code::MessageTimedOut],
        ErrorClass::Transient,
        "Kafka did not acknowledge the message in time",
    ),
    (
        &[Code::BrokerTransportFailure, Code::AllBrokersDown, Code::OperationTimedOut],
        ErrorClass::Transient,
        "Kafka does not answer",
    ),
    (&[Code::Resolve], ErrorClass::Transient, "the name of Kafka's host is not resolved"),
];

/// Codes that follow from other errors, which are more specific. A producer's fatal error is reported by
/// its messages.
const CONSEQUENCES: [Code; 5] = [
    Code::AllBrokersDown,
    Code::OperationTimedOut,
    Code::RequestTimedOut,
    Code::MessageTimedOut,
    Code::Fatal,
];

const UNSUPPORTED_MECHANISM: &str = "Kafka does not offer this SASL mechanism: set sasl.mechanism \
    with --kafka-property (KAFKA_PROPERTIES) to one that it supports";
const TLS_TO_PLAIN_PORT: &str = "Kafka does not speak TLS at this port: check the port in \
    --kafka-service-uri, or start the relay without --kafka-certificates if this Kafka has no TLS";
const PLAIN_TO_TLS_PORT: &str = "Kafka speaks only TLS at this port: start the relay with \
    --kafka-certificates or with security.protocol in --kafka-property, or check the port in \
    --kafka-service-uri";

/// A text that is more specific than its code, which may be that of any broken connection.
struct TextRule {
    matches: fn(&str) -> bool,
    advice: &'static str,
    /// Whether the text is only likely to have this cause: a broker that is stopped during a handshake has
    /// the same.
    is_likely: bool,
}

/// As librdkafka 2.12 and OpenSSL 3 write them; the first that matches counts.
const TEXT_RULES: [TextRule; 8] = [
    TextRule {
        matches: |text| {
            text.contains("certificate verify failed") || text.contains("verify broker certificate")
        },
        advice: "Kafka's certificate cannot be verified: ca.pem is not the CA of this Kafka, or \
            Kafka's certificate has expired or names another host; put this Kafka's CA certificate \
            into the folder of --kafka-certificates, and check the host in --kafka-service-uri",
        is_likely: false,
    },
    // TLS alerts (RFC 8446, section 6.2) about the client's certificate are those from 40 to 49, and
    // certificate_required.
    TextRule {
        matches: |text| text.contains("alert number 4") || text.contains("alert number 116"),
        advice: "Kafka does not accept the relay's certificate, which may have expired, or was given \
            none: put the current access certificate and key of a user of this Kafka into the \
            folder of --kafka-certificates",
        is_likely: false,
    },
    TextRule {
        matches: |text| {
            text.contains("wrong version number") || text.contains("packet length too long")
        },
        advice: TLS_TO_PLAIN_PORT,
        is_likely: false,
    },
    // The first bytes of a TLS alert, 15 03 01 or 15 03 03, read as a length.
    TextRule {
        matches: |text| {
            text.contains("Invalid response size 35251")
                || text.contains("Invalid response size 35252")
        },
        advice: PLAIN_TO_TLS_PORT,
        is_likely: false,
    },
    TextRule {
        matches: |text| text.contains("mechanism handshake failed"),
        advice: UNSUPPORTED_MECHANISM,
        is_likely: false,
    },
    // The state in which a connection is closed hints at the cause. librdkafka has texts for these, which
    // it adds in a few places only.
    TextRule {
        matches: |text| closed_in_state(text, "SSL_HANDSHAKE").is_some(),
        advice: TLS_TO_PLAIN_PORT,
        is_likely: true,
    },
    TextRule {
        matches: |text| {
            !text.contains("ssl://") && closed_in_state(text, "APIVERSION_QUERY").is_some()
        },
        advice: PLAIN_TO_TLS_PORT,
        is_likely: true,
    },
    TextRule {
        matches: |text| {
            !text.contains("sasl_") && closed_in_state(text, "UP").is_some_and(|ms| ms < 2000)
        },
        advice: "Kafka seems to require a user and a password: set security.protocol, \
            sasl.mechanism, sasl.username and sasl.password with --kafka-property \
            (KAFKA_PROPERTIES)",
        is_likely: true,
    },
];

/// Milliseconds for which a connection had been in this state when it was closed, as in
/// `Disconnected: … (after 148ms in state APIVERSION_QUERY)`.
fn closed_in_state(text: &str, state: &str) -> Option<u32> {
    let (_, closed) = text.split_once("Disconnected")?;
    let (_, duration) = closed.split_once(" (after ")?;
    let (millis, after) = duration.split_once("ms in state ")?;
    let is_state = after.split([',', ')']).next() == Some(state);
    millis.parse().ok().filter(|_| is_state)
}

impl ProduceError {
    fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { message: message.into(), class, source: None }
    }

    /// An error after which the same event may be accepted later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// An error that stays until an operator changes something.
    pub fn misconfiguration(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Misconfiguration, message)
    }

    /// A rejection of this event alone.
    pub fn rejection(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Rejection, message)
    }

    /// Adds the error that led to it.
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(Arc::from(source.into())), ..self }
    }

    /// The error of a message or of a request about the topic.
    pub fn from_kafka(error: &KafkaError, topic: &str) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => Self::from_code(code, topic),
            None => Self::transient("the Kafka client fails").with_source(error.clone()),
        }
    }

    pub(crate) fn from_code(code: Code, topic: &str) -> Self {
        let (class, advice) = CODES
            .iter()
            .find(|(codes, ..)| codes.contains(&code))
            .map_or((ErrorClass::Transient, "Kafka reports an error"), |(_, class, advice)| {
                (*class, *advice)
            });
        Self::new(class, advice.replace("{topic}", topic)).with_source(code)
    }

    /// The error of a connection, by librdkafka's code and text, or by a line of its log, which has no
    /// code. `None` if it follows from another error, or is none.
    ///
    /// A connection that has worked proves the settings: a closed one is no sign of wrong ones then.
    pub(crate) fn from_connection(
        code: Option<Code>,
        text: &str,
        topic: &str,
        has_connected: bool,
    ) -> Option<Self> {
        let rule = TEXT_RULES.iter().find(|rule| (rule.matches)(text));
        let error = match (rule.filter(|rule| !(rule.is_likely && has_connected)), code) {
            (Some(rule), _) => Self::misconfiguration(rule.advice),
            (None, Some(code)) if !CONSEQUENCES.contains(&code) => Self::from_code(code, topic),
            _ => return None,
        };
        Some(error.with_source(text.split(" (after ").next().unwrap_or(text)))
    }

    /// Whether it stays until an operator changes something.
    pub fn is_misconfiguration(&self) -> bool {
        self.class == ErrorClass::Misconfiguration
    }

    /// Whether it concerns this event alone.
    pub fn is_rejection(&self) -> bool {
        self.class == ErrorClass::Rejection
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOPIC: &str = "button_presses";

    /// Lines as librdkafka 2.12 with OpenSSL 3 writes them.
    #[test]
    fn connection_error_has_advice() {
        let cases = [
            (
                Code::Authentication,
                "SASL authentication error: Authentication failed: Invalid username or password",
                "check sasl.username and sasl.password",
            ),
            (
                Code::Authentication,
                "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: \
                 broker's supported mechanisms: SCRAM-SHA-256",
                "set sasl.mechanism",
            ),
            (
                Code::SSL,
                "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                 broker certificate could not be verified",
                "ca.pem is not the CA of this Kafka",
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A000415:SSL routines::ssl/tls alert certificate expired: \
                 SSL alert number 45",
                "does not accept the relay's certificate, which may have expired",
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL \
                 alert number 42",
                "does not accept the relay's certificate",
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: \
                 SSL alert number 116",
                "or was given none",
            ),
            (
                Code::SSL,
                "SSL handshake failed: error:0A00010B:SSL routines::wrong version number",
                "does not speak TLS",
            ),
            (
                Code::BrokerTransportFailure,
                "SSL handshake failed: Disconnected: connection closed by peer: connecting to a \
                 PLAINTEXT broker listener? (after 2ms in state SSL_HANDSHAKE)",
                "does not speak TLS",
            ),
            (
                Code::BadMessage,
                "Receive failed: Invalid response size 352518912 (0..100000000): increase \
                 receive.message.max.bytes",
                "speaks only TLS",
            ),
            (Code::SSL, "SSL handshake failed: something new", "there is no TLS connection"),
        ];
        for (code, text, advice) in cases {
            let error = ProduceError::from_connection(Some(code), text, TOPIC, false).unwrap();
            assert!(error.is_misconfiguration(), "{text}");
            assert!(error.to_string().contains(advice), "{text}: {error}");
        }
    }

    #[test]
    fn unreachable_broker_is_transient() {
        for (code, text) in [
            (
                Code::BrokerTransportFailure,
                "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            ),
            (Code::Resolve, "Failed to resolve 'kafka:9092'"),
        ] {
            let error = ProduceError::from_connection(Some(code), text, TOPIC, false).unwrap();
            assert!(!error.is_misconfiguration() && !error.is_rejection(), "{text}");
        }
    }

    #[test]
    fn consequence_is_no_error_of_its_own() {
        let text = "1/1 brokers are down";
        let error = ProduceError::from_connection(Some(Code::AllBrokersDown), text, TOPIC, false);
        assert!(error.is_none());
    }

    #[test]
    fn closed_connection_has_advice_by_its_state() {
        let advice = |broker: &str, millis: u32, state: &str, has_connected: bool| {
            let line = format!(
                "{broker}/bootstrap: Disconnected: connection closed by peer: receive 0 after \
                 POLLIN (after {millis}ms in state {state}, 1 identical error(s) suppressed)"
            );
            ProduceError::from_connection(None, &line, TOPIC, has_connected)
                .map_or_else(String::new, |error| error.to_string())
        };
        let plain = "127.0.0.1:9092";
        assert!(advice(plain, 148, "APIVERSION_QUERY", false).contains("speaks only TLS"));
        assert!(advice(plain, 2, "UP", false).contains("require a user and a password"));
        assert_eq!(advice(plain, 60_000, "UP", false), "");
        assert_eq!(advice("sasl_plaintext://127.0.0.1:9092", 2, "UP", false), "");
        let tls = "ssl://127.0.0.1:9093";
        assert!(advice(tls, 9, "SSL_HANDSHAKE", false).contains("does not speak TLS"));
        assert_eq!(advice(tls, 9, "APIVERSION_QUERY", false), "");
        // A broker that is stopped, with settings that have worked.
        assert_eq!(advice(tls, 9, "SSL_HANDSHAKE", true), "");
    }

    #[test]
    fn code_has_class() {
        let error = |code| ProduceError::from_code(code, TOPIC);
        for code in [
            Code::UnknownTopicOrPartition,
            Code::InvalidTopic,
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::UnsupportedSASLMechanism,
        ] {
            assert!(error(code).is_misconfiguration(), "{code}");
        }
        for code in [Code::InvalidRecord, Code::InvalidTimestamp, Code::MessageSizeTooLarge] {
            assert!(error(code).is_rejection(), "{code}");
        }
        // Another message of the batch was the invalid one.
        for code in [
            Code::InvalidDifferentRecord,
            Code::MessageTimedOut,
            Code::NotEnoughReplicas,
            Code::AllBrokersDown,
        ] {
            assert!(!error(code).is_rejection() && !error(code).is_misconfiguration(), "{code}");
        }
        let text = error(Code::UnknownTopic).to_string();
        assert!(text.starts_with("the topic button_presses does not exist"), "{text}");
    }
}
