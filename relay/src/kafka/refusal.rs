//! From librdkafka's errors to what a person has to do, if anything.

use crate::store::Received;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why Kafka did not take an event, in words for the log and for `/readyz`.
///
/// It may have taken it all the same, if only the acknowledgement was lost: the event is delivered
/// again then, with the same identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    reason: String,
    class: Class,
}

/// What has to happen before the same event is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Nothing: it may be taken later.
    Transient,
    /// An operator has to change something.
    Misconfiguration,
    /// It is not taken as it is; others are.
    Rejection,
}

impl Refusal {
    /// A refusal that may pass by itself.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), class: Class::Transient }
    }

    /// A refusal that stays until somebody changes something.
    pub fn for_a_person(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), class: Class::Misconfiguration }
    }

    /// A refusal of this event alone.
    pub fn rejection(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), class: Class::Rejection }
    }

    /// Whether it stays until somebody changes something.
    pub fn needs_a_person(&self) -> bool {
        self.class == Class::Misconfiguration
    }

    /// Whether it says nothing of other events.
    pub fn is_rejection(&self) -> bool {
        self.class == Class::Rejection
    }

    /// The error of a message or of a question for the topic.
    pub fn of_topic(error: &KafkaError, topic: &str) -> Self {
        error
            .rdkafka_error_code()
            .map_or_else(|| Self::new(error.to_string()), |code| Self::of_code(code, topic))
    }

    /// What an error code says about the topic.
    pub(super) fn of_code(code: RDKafkaErrorCode, topic: &str) -> Self {
        use RDKafkaErrorCode as Code;
        match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic => Self::for_a_person(format!(
                "the topic {topic} does not exist: create it, with 3 partitions, or name another \
                 with --topic"
            )),
            Code::InvalidTopic => Self::for_a_person(format!(
                "{topic} cannot be the name of a topic: name another with --topic"
            )),
            Code::TopicAuthorizationFailed => Self::for_a_person(format!(
                "no permission to write to the topic {topic}: grant the relay's user Describe and \
                 Write on it, or name another topic with --topic"
            )),
            Code::ClusterAuthorizationFailed => Self::for_a_person(format!(
                "no permission to produce idempotently: grant the relay's user Write on the topic \
                 {topic}, and before Kafka 2.8 IdempotentWrite on the cluster too"
            )),
            Code::InvalidTimestamp | Code::InvalidRecord => Self::rejection(format!(
                "{code}: compare this machine's clock with Kafka's, and see message.timestamp.* \
                 in the settings of the topic {topic}"
            )),
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                Self::rejection(format!("{code}: raise max.message.bytes of the topic {topic}"))
            }
            Code::PolicyViolation => {
                Self::rejection(format!("{code}: see the policies of Kafka's operator"))
            }
            Code::MessageTimedOut => Self::new("Kafka did not acknowledge the message in time"),
            Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut => {
                Self::new(format!("Kafka does not answer: {code}"))
            }
            _ => match Cause::of(code, "") {
                Cause::Person(advice) => Self::for_a_person(advice),
                _ => Self::new(code.to_string()),
            },
        }
    }
}

/// The events of a batch that Kafka did not take.
#[derive(Debug)]
pub struct Refused {
    /// Indices of those that may be taken later, ascending.
    pub failed: Vec<usize>,
    /// Indices of those that are not taken as they are, ascending.
    pub rejected: Vec<usize>,
    /// Why the last of them was not taken.
    pub refusal: Refusal,
}

impl Refused {
    /// Not one was taken.
    pub fn all(events: &[Received], refusal: Refusal) -> Self {
        Self { failed: (0..events.len()).collect(), rejected: Vec::new(), refusal }
    }
}

/// What an error of the connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Another error, which says more.
    Another,
    /// Something that passes by itself, such as a broker that restarts.
    Passing,
    /// The settings, perhaps; a broker that is stopped at the wrong moment looks the same.
    Suspect(&'static str),
    /// Something that stays until somebody does this.
    Person(&'static str),
}

const MECHANISM: &str = "Kafka does not offer this SASL mechanism: set sasl.mechanism with \
    --kafka-property (KAFKA_PROPERTIES) to one that it supports";
const PASSWORD: &str = "Kafka refuses the user or the password: check sasl.username and \
    sasl.password in --kafka-property (KAFKA_PROPERTIES)";
const UNVERIFIED: &str = "Kafka's certificate cannot be verified: ca.pem is not the CA of this \
    Kafka, or Kafka's certificate has expired or names another host; put this Kafka's CA \
    certificate into the folder of --kafka-certificates, and check the host in --kafka-service-uri";
const EXPIRED: &str = "Kafka says that service.cert has expired: download the current access \
    certificate and key of your Kafka user and put them into the folder of --kafka-certificates";
const UNACCEPTED: &str = "Kafka does not accept the relay's certificate, or was given none: \
    put the current access certificate and key of a user of this Kafka into the folder of \
    --kafka-certificates";
const NO_TLS: &str = "Kafka does not speak TLS at this port: check the port in \
    --kafka-service-uri, or start the relay without --kafka-certificates if this Kafka has no TLS";
const ONLY_TLS: &str = "Kafka speaks only TLS at this port: start the relay with \
    --kafka-certificates or with security.protocol in --kafka-property, or check the port in \
    --kafka-service-uri";
const ONLY_SASL: &str = "Kafka seems to want a user and a password: set security.protocol, \
    sasl.mechanism, sasl.username and sasl.password with --kafka-property (KAFKA_PROPERTIES)";
const TLS: &str = "there is no TLS connection to Kafka: check the port in --kafka-service-uri, \
    and ca.pem, service.cert and service.key in the folder of --kafka-certificates";

/// Texts of librdkafka and OpenSSL. They are asked before the code, because what the other side
/// says in TLS (an alert) can come as a mere error of the transport.
const TEXTS: [(&[&str], Cause); 6] = [
    // 0A000086 is what OpenSSL 3 calls it.
    (
        &["certificate verify failed", "0A000086", "verify broker certificate"],
        Cause::Person(UNVERIFIED),
    ),
    (&["alert number 45"], Cause::Person(EXPIRED)),
    // From bad_certificate to certificate_unknown, unknown_ca, access_denied, certificate_required.
    (
        &[
            "alert number 42",
            "alert number 43",
            "alert number 44",
            "alert number 46",
            "alert number 48",
            "alert number 49",
            "alert number 116",
        ],
        Cause::Person(UNACCEPTED),
    ),
    (&["wrong version number", "packet length too long"], Cause::Person(NO_TLS)),
    // The first bytes of a TLS alert, 15 03 .., read as a length.
    (&["Invalid response size 35251", "Invalid response size 35252"], Cause::Person(ONLY_TLS)),
    (&["mechanism handshake failed"], Cause::Person(MECHANISM)),
];

/// What librdkafka supposes when a connection is closed at a telling moment.
const SUPPOSITIONS: [(&str, Cause); 3] = [
    ("connecting to a PLAINTEXT broker listener?", Cause::Suspect(NO_TLS)),
    ("connecting to a SSL listener?", Cause::Suspect(ONLY_TLS)),
    ("broker might require SASL", Cause::Suspect(ONLY_SASL)),
];

impl Cause {
    /// Judges an error by its code and its text.
    pub(super) fn of(code: RDKafkaErrorCode, text: &str) -> Self {
        use RDKafkaErrorCode as Code;
        for (parts, cause) in TEXTS {
            if parts.iter().any(|part| text.contains(part)) {
                return cause;
            }
        }
        match code {
            Code::Authentication | Code::SaslAuthenticationFailed => Cause::Person(PASSWORD),
            Code::UnsupportedSASLMechanism | Code::IllegalSASLState => Cause::Person(MECHANISM),
            Code::SSL => Cause::Person(TLS),
            // The fatal error of a producer is told by its messages, and the producer replaced.
            Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::Fatal => Cause::Another,
            _ => Self::supposed(text).unwrap_or(Cause::Passing),
        }
    }

    /// What a text supposes, if anything.
    pub(super) fn supposed(text: &str) -> Option<Self> {
        let said = SUPPOSITIONS.iter().find(|(part, _)| text.contains(part));
        said.map(|(_, cause)| *cause).or_else(|| Self::closed(text))
    }

    /// What a closed connection means by the moment at which it was closed. librdkafka 2.12 means
    /// to say it, and does not get round to it in most places.
    fn closed(text: &str) -> Option<Self> {
        const AT_ONCE: u32 = 2000;
        let (before, after) = text.split_once("Disconnected")?;
        let (_, moment) = after.split_once(" (after ")?;
        let (millis, state) = moment.split_once("ms in state ")?;
        let at_once = millis.parse::<u32>().is_ok_and(|millis| millis < AT_ONCE);
        let (tls, sasl) = (before.contains("ssl://"), before.contains("sasl_"));
        match state.split([',', ')']).next()? {
            "SSL_HANDSHAKE" => Some(Cause::Suspect(NO_TLS)),
            "APIVERSION_QUERY" if !tls => Some(Cause::Suspect(ONLY_TLS)),
            "UP" if at_once && !sasl => Some(Cause::Suspect(ONLY_SASL)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RDKafkaErrorCode as Code;

    /// Lines as librdkafka 2.12 with OpenSSL 3 writes them.
    #[test]
    fn errors_of_the_connection_have_their_causes() {
        let cases = [
            (
                Code::Authentication,
                "SASL authentication error: Authentication failed: Invalid username or password",
                Cause::Person(PASSWORD),
            ),
            (
                Code::Authentication,
                "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: \
                 broker's supported mechanisms: SCRAM-SHA-256",
                Cause::Person(MECHANISM),
            ),
            (
                Code::SSL,
                "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                 broker certificate could not be verified",
                Cause::Person(UNVERIFIED),
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A000415:SSL routines::ssl/tls alert certificate expired: \
                 SSL alert number 45",
                Cause::Person(EXPIRED),
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL \
                 alert number 42",
                Cause::Person(UNACCEPTED),
            ),
            (
                Code::BrokerTransportFailure,
                "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: \
                 SSL alert number 116",
                Cause::Person(UNACCEPTED),
            ),
            (
                Code::SSL,
                "SSL handshake failed: error:0A00010B:SSL routines::wrong version number",
                Cause::Person(NO_TLS),
            ),
            (
                Code::BrokerTransportFailure,
                "SSL handshake failed: Disconnected: connection closed by peer: connecting to a \
                 PLAINTEXT broker listener?",
                Cause::Suspect(NO_TLS),
            ),
            (
                Code::BadMessage,
                "Receive failed: Invalid response size 352518912 (0..100000000): increase \
                 receive.message.max.bytes",
                Cause::Person(ONLY_TLS),
            ),
            (Code::SSL, "SSL handshake failed: something new", Cause::Person(TLS)),
            (
                Code::BrokerTransportFailure,
                "Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
                Cause::Passing,
            ),
            (Code::Resolve, "Failed to resolve 'kafka:9092'", Cause::Passing),
            (Code::AllBrokersDown, "1/1 brokers are down", Cause::Another),
        ];
        for (code, text, cause) in cases {
            assert_eq!(Cause::of(code, text), cause, "{text}");
        }
    }

    #[test]
    fn the_moment_of_a_closed_connection_tells_something() {
        let closed = |broker: &str, millis: u32, state: &str| {
            Cause::supposed(&format!(
                "{broker}/bootstrap: Disconnected: connection closed by peer: receive 0 after \
                 POLLIN (after {millis}ms in state {state}, 1 identical error(s) suppressed)"
            ))
        };
        let plain = "127.0.0.1:9092";
        assert_eq!(closed(plain, 148, "APIVERSION_QUERY"), Some(Cause::Suspect(ONLY_TLS)));
        assert_eq!(closed(plain, 2, "UP"), Some(Cause::Suspect(ONLY_SASL)));
        assert_eq!(closed(plain, 60_000, "UP"), None);
        assert_eq!(closed("sasl_plaintext://127.0.0.1:9092", 2, "UP"), None);
        let tls = "ssl://127.0.0.1:9093";
        assert_eq!(closed(tls, 9, "SSL_HANDSHAKE"), Some(Cause::Suspect(NO_TLS)));
        assert_eq!(closed(tls, 9, "APIVERSION_QUERY"), None);
    }

    #[test]
    fn permissions_and_topics_need_a_person_and_time_outs_do_not() {
        for code in [
            Code::UnknownTopicOrPartition,
            Code::InvalidTopic,
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::UnsupportedSASLMechanism,
        ] {
            assert!(Refusal::of_code(code, "button_presses").needs_a_person(), "{code}");
        }
        for code in [Code::InvalidRecord, Code::InvalidTimestamp, Code::MessageSizeTooLarge] {
            assert!(Refusal::of_code(code, "button_presses").is_rejection(), "{code}");
        }
        // Another message of the batch was the invalid one.
        for code in [
            Code::InvalidDifferentRecord,
            Code::MessageTimedOut,
            Code::NotEnoughReplicas,
            Code::AllBrokersDown,
        ] {
            assert!(!Refusal::of_code(code, "button_presses").is_rejection(), "{code}");
            assert!(!Refusal::of_code(code, "button_presses").needs_a_person(), "{code}");
        }
    }
}
