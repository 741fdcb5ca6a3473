//! What is remembered of the connection's errors, so that the most telling one is shown.
//!
//! librdkafka reports every attempt that fails, but the same error of the same broker only every
//! 30 seconds, and mixes in errors that follow from others. What is shown must neither flicker
//! between a cause and its consequences nor outlive its cause.

use super::refusal::{Cause, Refusal};
use rdkafka::error::RDKafkaErrorCode;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// An error that has not come again for so long is over. Several times what librdkafka leaves out.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// What needs a person goes on being shown for so long after an error of the same broker that
/// passes by itself: a name with two addresses, of which one refuses the password and nobody
/// listens at the other, gives both in turn.
const OVERTAKEN: Duration = Duration::from_secs(15);

/// The troubles of one producer's connections.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Memory>>);

impl Trouble {
    /// Remembers an error.
    pub(super) fn note(&self, code: RDKafkaErrorCode, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(
            Cause::of(code, text),
            text,
            Instant::now(),
        );
    }

    /// Remembers what a line of librdkafka's log supposes: some errors are only there.
    pub(super) fn note_log(&self, line: &str) {
        let Some(cause) = Cause::supposed(line) else { return };
        // Lines of the log begin with the thread, in brackets.
        let text = line.split_once("]: ").map_or(line, |(_, text)| text);
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.note(cause, text, Instant::now());
    }

    /// Kafka has answered: whatever it was is over.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The most telling trouble, if there is any.
    pub(super) fn get(&self) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(Instant::now())
    }
}

/// An error with the time when it came last (or first, see [`Broker`]).
type Seen = (Refusal, Instant);

/// The latest errors of one broker.
#[derive(Default)]
struct Broker {
    /// The latest that needs a person.
    telling: Option<Seen>,
    /// The latest that passes by itself, with the time when the first such came after the telling.
    passing: Option<Seen>,
}

#[derive(Default)]
struct Memory {
    brokers: BTreeMap<String, Broker>,
    /// Kafka has answered once, so suppositions about the settings are wrong.
    proven: bool,
}

impl Memory {
    fn note(&mut self, cause: Cause, text: &str, now: Instant) {
        let broker = address(text);
        let text = match text.split_once(": ") {
            Some((_, error)) if !broker.is_empty() => format!("{broker}: {}", essence(error)),
            _ => essence(text),
        };
        let refusal = match cause {
            Cause::Another => return,
            Cause::Passing => Refusal::new(text),
            Cause::Suspect(_) if self.proven => Refusal::new(text),
            Cause::Suspect(advice) | Cause::Person(advice) => {
                Refusal::for_a_person(format!("{advice} [{text}]"))
            }
        };
        let broker = self.brokers.entry(broker.to_owned()).or_default();
        if refusal.needs_a_person() {
            *broker = Broker { telling: Some((refusal, now)), passing: None };
        } else {
            let since = match (&broker.telling, &broker.passing) {
                (Some(_), Some((_, since))) => *since,
                _ => now,
            };
            broker.passing = Some((refusal, since));
        }
    }

    fn clear(&mut self) {
        self.brokers.clear();
        self.proven = true;
    }

    fn get(&mut self, now: Instant) -> Option<Refusal> {
        let age = |since: Instant| now.saturating_duration_since(since);
        for broker in self.brokers.values_mut() {
            let overtaken = broker.passing.as_ref().is_some_and(|(_, at)| age(*at) >= OVERTAKEN);
            broker.telling.take_if(|(_, at)| overtaken || age(*at) >= FORGOTTEN);
            broker.passing.take_if(|(_, at)| age(*at) >= FORGOTTEN);
        }
        self.brokers.retain(|_, broker| broker.telling.is_some() || broker.passing.is_some());
        let newest = |of: fn(&Broker) -> &Option<Seen>| {
            let all = self.brokers.values().filter_map(|broker| of(broker).as_ref());
            all.max_by_key(|(_, at)| *at).map(|(refusal, _)| refusal.clone())
        };
        newest(|broker| &broker.telling).or_else(|| newest(|broker| &broker.passing))
    }
}

/// The broker's address, where an error begins with it: `ssl://kafka.example.com:9093/bootstrap: `.
/// The number behind the slash is left out, as a broker gets it after the first connection.
fn address(text: &str) -> &str {
    let name = text.split_once(": ").map_or("", |(name, _)| name);
    name.rsplit_once('/').map_or("", |(address, _)| address)
}

/// The text without what differs from one time to the next, without lines of OpenSSL's source, and
/// without librdkafka's guesses, for which there is better advice.
fn essence(text: &str) -> String {
    const ENDS: [&str; 7] = [
        " (after ",
        ": broker certificate could not be verified",
        ": client SSL authentication might be",
        ": connecting to a PLAINTEXT",
        ": requesting ApiVersion",
        ": verify that security.protocol",
        ": increase receive.message.max.bytes",
    ];
    let end = ENDS.iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    let text = &text[..end];
    let source_line = text
        .split_once(" error:")
        .and_then(|(before, error)| Some((before.rsplit_once(' ')?, error)))
        .filter(|((_, word), _)| word.contains(".c:"));
    match source_line {
        Some(((before, _), error)) => format!("{before} error:{error}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use RDKafkaErrorCode as Code;

    const A: &str = "sasl_ssl://a.example.com:9093/bootstrap";
    const B: &str = "sasl_ssl://b.example.com:9093/2";

    /// A memory with a clock that is set by hand.
    struct Told {
        memory: Memory,
        start: Instant,
    }

    impl Told {
        fn new() -> Self {
            Self { memory: Memory::default(), start: Instant::now() }
        }

        fn note(&mut self, second: u64, code: Code, text: &str) {
            let now = self.start + Duration::from_secs(second);
            self.memory.note(Cause::of(code, text), text, now);
        }

        fn wrong_password(&mut self, second: u64, broker: &str) {
            let text = format!(
                "{broker}: SASL authentication error: Authentication failed (after {second}ms in \
                 state AUTH_REQ, 3 identical error(s) suppressed)"
            );
            self.note(second, Code::Authentication, &text);
        }

        fn not_there(&mut self, second: u64, broker: &str) {
            let text = format!("{broker}: Connect to ipv4#10.0.0.1:9093 failed: refused");
            self.note(second, Code::BrokerTransportFailure, &text);
        }

        fn at(&mut self, second: u64) -> Option<Refusal> {
            self.memory.get(self.start + Duration::from_secs(second))
        }

        fn needs_a_person(&mut self, second: u64) -> bool {
            self.at(second).unwrap().needs_a_person()
        }
    }

    #[test]
    fn consequences_do_not_hide_their_cause() {
        let mut told = Told::new();
        told.wrong_password(0, A);
        told.note(0, Code::AllBrokersDown, "1/1 brokers are down");
        told.note(2, Code::OperationTimedOut, &format!("{A}: 1 request(s) timed out"));
        // librdkafka is silent for 30 seconds about an error that is always the same.
        let texts: Vec<String> =
            [0, 1, 29].iter().map(|second| told.at(*second).unwrap().to_string()).collect();
        // The same broker has another name once it is known.
        told.wrong_password(31, &A.replace("bootstrap", "1"));
        assert!(texts.iter().all(|text| *text == told.at(32).unwrap().to_string()), "{texts:?}");
        assert!(texts[0].contains("check sasl.username") && texts[0].ends_with("failed]"));
        assert!(told.needs_a_person(32));
    }

    #[test]
    fn the_newest_cause_wins_at_the_same_broker() {
        let mut told = Told::new();
        // Once at a rolling restart; then the broker is away, which is reported once.
        told.wrong_password(0, A);
        told.not_there(3, A);
        assert!(!told.needs_a_person(3 + OVERTAKEN.as_secs()));
        told.wrong_password(40, A);
        assert!(told.needs_a_person(40));
    }

    #[test]
    fn two_addresses_of_one_name_do_not_flicker() {
        let mut told = Told::new();
        for second in (0..300).step_by(6) {
            told.wrong_password(second, A);
            told.not_there(second + 3, A);
            assert!(told.needs_a_person(second + 1) && told.needs_a_person(second + 5));
        }
    }

    #[test]
    fn one_of_many_brokers_suffices_but_not_for_ever() {
        let mut told = Told::new();
        told.wrong_password(0, A);
        told.not_there(5, B);
        assert!(told.needs_a_person(60));
        told.not_there(100, B);
        assert!(!told.needs_a_person(FORGOTTEN.as_secs()));
        assert_eq!(told.at(400), None);
    }

    #[test]
    fn an_answer_ends_it_and_proves_the_settings() {
        let closed = format!(
            "{A}: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"
        );
        let mut told = Told::new();
        told.note(0, Code::BrokerTransportFailure, &closed);
        assert!(told.needs_a_person(0));
        told.memory.clear();
        assert_eq!(told.at(0), None);
        // A broker that is stopped during a handshake, of which it has done many.
        told.note(1, Code::BrokerTransportFailure, &closed);
        assert!(!told.needs_a_person(1));
    }

    #[test]
    fn a_broker_is_known_by_its_address() {
        assert_eq!(address("ssl://kafka:9093/bootstrap: SSL handshake failed"), "ssl://kafka:9093");
        assert_eq!(address("kafka:9092/1: Connect to x failed: no"), "kafka:9092");
        assert_eq!(address("1/1 brokers are down"), "");
    }

    #[test]
    fn what_is_shown_of_an_error_is_always_the_same() {
        assert_eq!(
            essence(
                "ssl://kafka:9093/1: Receive failed: ../ssl/rec_layer_s3.c:1602:ssl3_read_bytes \
                 error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42 \
                 (after 7ms in state APIVERSION_QUERY)"
            ),
            "ssl://kafka:9093/1: Receive failed: error:0A000412:SSL routines::sslv3 alert bad \
             certificate: SSL alert number 42"
        );
        assert_eq!(essence("kafka.c:9092/1: no error: none"), "kafka.c:9092/1: no error: none");
    }

    #[test]
    fn some_suppositions_are_only_in_the_log() {
        let trouble = Trouble::default();
        trouble.note_log("[thrd:app]: kafka:9092/1: Broker changed");
        assert_eq!(trouble.get(), None);
        trouble.note_log(
            "[thrd:kafka:9092/bootstrap]: kafka:9092/bootstrap: Disconnected: requesting \
             ApiVersion: might be caused by incorrect security.protocol configuration (connecting \
             to a SSL listener?) (after 3ms in state APIVERSION_QUERY)",
        );
        let text = trouble.get().unwrap().to_string();
        assert!(text.contains("only TLS") && text.ends_with("Disconnected]"), "{text}");
    }
}
