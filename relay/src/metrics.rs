//! What is counted, for `/metrics`.
//!
//! Labels name ways and reasons, never visitors. The names begin with `kafka_button_`.

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use schemas::RejectReason;
use std::{fmt, time::Duration};

use crate::{
    limits::Limited,
    sink::{DurableIn, KafkaState},
};

/// The relay's counters. They start at zero with the process.
pub struct Metrics {
    registry: Registry,
    accepted: Family<Durable, Counter>,
    rejected: Family<Reason, Counter>,
    refused_requests: Family<Status, Counter>,
    limited_requests: Family<Limit, Counter>,
    unknown_fields: Counter,
    connections: Gauge,
    connections_given_up: Family<Limit, Counter>,
    recording: Histogram,
    undelivered: Gauge,
    in_flight: Gauge,
    certificate_expiry: Gauge,
    geo_built: Gauge,
    kafka_state: Family<State, Gauge>,
    live_serialisations: Counter,
    live_viewers: Gauge,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Durable {
    durable_in: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Limit {
    limit: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// What is measured when somebody asks, rather than counted as it happens.
pub struct Snapshot {
    /// Events in the store that are not in Kafka.
    pub undelivered: u64,
    /// Messages that the producer has not heard of yet.
    pub in_flight: usize,
    /// How often the live numbers were serialised.
    pub live_serialisations: u64,
    /// When the first of Kafka's client certificates expires, in seconds since 1970.
    pub certificate_expiry: Option<i64>,
    /// When the geo database was built, in seconds since 1970.
    pub geo_built: Option<u64>,
    /// How it goes with Kafka.
    pub kafka: KafkaState,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kafka_button");
        // Prometheus sees what a counter rises by from one sample to the next. One that appears with its
        // first event has not risen: so all that are known begin at zero.
        let accepted = Family::default();
        for durable_in in DurableIn::ALL {
            drop(accepted.get_or_create(&Durable { durable_in: durable_in.name() }));
        }
        let rejected = Family::default();
        for reason in RejectReason::ALL {
            drop(rejected.get_or_create(&Reason { reason: reason.name() }));
        }
        let refused_requests = Family::default();
        let limited_requests = Family::default();
        for limit in Limited::NAMES {
            drop(limited_requests.get_or_create(&Limit { limit }));
        }
        let unknown_fields = Counter::default();
        let connections = Gauge::default();
        let connections_given_up = Family::default();
        // From half a millisecond, about what SQLite takes, to beyond the handler's deadline.
        let recording = Histogram::new(exponential_buckets(0.0005, 2.0, 15));
        let undelivered = Gauge::default();
        let in_flight = Gauge::default();
        let certificate_expiry = Gauge::default();
        let geo_built = Gauge::default();
        let kafka_state = Family::default();
        let live_serialisations = Counter::default();
        let live_viewers = Gauge::default();
        registry.register(
            "events_accepted",
            "Events that are durable, by where they became so",
            accepted.clone(),
        );
        registry.register(
            "events_rejected",
            "Events that can never be accepted, by reason",
            rejected.clone(),
        );
        registry.register(
            "requests_refused",
            "Requests of which nothing was taken, by HTTP status",
            refused_requests.clone(),
        );
        registry.register(
            "requests_limited",
            "Requests that were asked to come again later, by the limit that they met",
            limited_requests.clone(),
        );
        registry.register(
            "unknown_fields",
            "Bodies and events with fields that are not known; the fields are passed over",
            unknown_fields.clone(),
        );
        registry.register("connections", "Connections that are open", connections.clone());
        registry.register(
            "connections_given_up",
            "Connections that were closed since nothing came for too long, by what was waited for",
            connections_given_up.clone(),
        );
        registry.register_with_unit(
            "recording",
            "Time from a parsed request until its events are durable",
            Unit::Seconds,
            recording.clone(),
        );
        registry.register(
            "store_undelivered_events",
            "Events in the store that are not in Kafka",
            undelivered.clone(),
        );
        registry.register(
            "producer_messages_in_flight",
            "Messages that wait in the producer for a delivery report",
            in_flight.clone(),
        );
        registry.register_with_unit(
            "kafka_certificate_expiry_timestamp",
            "When the first of Kafka's client certificates expires, since 1970; 0 without any",
            Unit::Seconds,
            certificate_expiry.clone(),
        );
        registry.register_with_unit(
            "geo_database_built_timestamp",
            "When the geo database was built, since 1970; 0 without one",
            Unit::Seconds,
            geo_built.clone(),
        );
        registry.register(
            "kafka_state",
            "How it goes with Kafka: 1 for the state that it is in, 0 for the others",
            kafka_state.clone(),
        );
        registry.register(
            "relay",
            "Which relay this is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register(
            "live_serialisations",
            "How often the live numbers were serialised, each time for all viewers",
            live_serialisations.clone(),
        );
        registry.register(
            "live_viewers",
            "Streams of live numbers that are open",
            live_viewers.clone(),
        );
        Self {
            registry,
            accepted,
            rejected,
            refused_requests,
            limited_requests,
            unknown_fields,
            connections,
            connections_given_up,
            recording,
            undelivered,
            in_flight,
            certificate_expiry,
            geo_built,
            kafka_state,
            live_serialisations,
            live_viewers,
        }
    }
}

/// Something that is open and counted; dropping it ends the count of it.
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Events became durable after `took`.
    pub fn accepted(&self, events: usize, durable_in: DurableIn, took: Duration) {
        let label = Durable { durable_in: durable_in.name() };
        self.accepted.get_or_create(&label).inc_by(events as u64);
        self.recording.observe(took.as_secs_f64());
    }

    /// An event was rejected.
    pub fn rejected(&self, reason: RejectReason) {
        self.rejected.get_or_create(&Reason { reason: reason.name() }).inc();
    }

    /// A request was answered with an error.
    pub fn refused(&self, status: u16) {
        self.refused_requests.get_or_create(&Status { status }).inc();
    }

    /// A request met a limit.
    pub fn limited(&self, limit: &'static str) {
        self.limited_requests.get_or_create(&Limit { limit }).inc();
    }

    /// So many JSON objects had fields that are not known.
    pub fn unknown_fields(&self, objects: usize) {
        if objects > 0 {
            self.unknown_fields.inc_by(objects as u64);
        }
    }

    /// A connection was opened.
    pub fn connected(&self) -> Open {
        self.connections.inc();
        Open(self.connections.clone())
    }

    /// Connections may be closed after too long a wait for this: the count begins at zero.
    pub fn may_give_up(&self, limit: &'static str) {
        drop(self.connections_given_up.get_or_create(&Limit { limit }));
    }

    /// A connection was closed after too long a wait for this.
    pub fn gave_up(&self, limit: &'static str) {
        self.connections_given_up.get_or_create(&Limit { limit }).inc();
    }

    /// A stream of live numbers was opened.
    pub fn viewing(&self) -> Open {
        self.live_viewers.inc();
        Open(self.live_viewers.clone())
    }

    /// All of it as text (OpenMetrics 1.0, which Prometheus reads).
    pub fn encode(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.undelivered.set(gauge(snapshot.undelivered));
        self.certificate_expiry.set(snapshot.certificate_expiry.unwrap_or(0));
        let serialised = self.live_serialisations.get();
        self.live_serialisations.inc_by(snapshot.live_serialisations.saturating_sub(serialised));
        self.in_flight.set(gauge(snapshot.in_flight as u64));
        self.geo_built.set(gauge(snapshot.geo_built.unwrap_or(0)));
        for state in KafkaState::NAMES {
            let is_it = i64::from(state == snapshot.kafka.name());
            self.kafka_state.get_or_create(&State { state }).set(is_it);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeMap;

    /// Metrics of which each has something to tell.
    fn busy() -> String {
        let metrics = Metrics::default();
        metrics.accepted(3, DurableIn::Store, Duration::from_millis(2));
        metrics.rejected(RejectReason::BadCount);
        metrics.refused(400);
        metrics.limited("viewers");
        metrics.unknown_fields(1);
        metrics.gave_up("head");
        let (_connection, _viewer) = (metrics.connected(), metrics.viewing());
        let snapshot = Snapshot {
            undelivered: 3,
            in_flight: 0,
            live_serialisations: 1,
            certificate_expiry: None,
            geo_built: None,
            kafka: KafkaState::NotConfigured,
        };
        metrics.encode(&snapshot).unwrap()
    }

    /// Name, type and labels of each metric, as `/metrics` tells them.
    fn told(text: &str) -> BTreeMap<String, (String, Vec<String>)> {
        let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let labels = |name: &str| {
            let sample = text.lines().find_map(|line| {
                let rest = line.strip_prefix(name)?;
                // What stands behind the name of a counter, an info or a histogram.
                let ending =
                    ["_total", "_info", "_bucket"].iter().find_map(|it| rest.strip_prefix(it));
                let (labels, _) = ending.unwrap_or(rest).strip_prefix('{')?.split_once('}')?;
                Some(labels)
            });
            let names = sample.into_iter().flat_map(|labels| labels.split(','));
            let names = names.filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            // Of the buckets, which are all that a histogram has.
            names.filter(|name| name != "le").collect()
        };
        kinds.map(|(name, kind)| (name.to_owned(), (kind.to_owned(), labels(name)))).collect()
    }

    /// The same from the table in docs/metrics.md.
    fn documented() -> BTreeMap<String, (String, Vec<String>)> {
        let table = include_str!("../../docs/metrics.md");
        let rows = table.lines().filter(|line| line.starts_with("| `kafka_button_"));
        let row = |row: &str| {
            let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [name, kind, labels, meaning] = cells[..] else { panic!("{row}") };
            assert!(meaning.len() > 10, "{row}");
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty()).collect();
            (name.trim_matches('`').to_owned(), (kind.to_owned(), labels))
        };
        rows.map(row).collect()
    }

    #[test]
    fn every_metric_is_documented_and_no_other() {
        assert_eq!(told(&busy()), documented());
    }

    #[test]
    fn what_is_counted_begins_at_zero() {
        let snapshot = Snapshot {
            undelivered: 0,
            in_flight: 0,
            live_serialisations: 1,
            certificate_expiry: None,
            geo_built: None,
            kafka: KafkaState::NotConfigured,
        };
        let text = Metrics::default().encode(&snapshot).unwrap();
        for sample in [
            r#"events_accepted_total{durable_in="kafka"}"#,
            r#"events_rejected_total{reason="bad_timestamp"}"#,
            r#"requests_limited_total{limit="session_events"}"#,
        ] {
            assert!(text.contains(&format!("kafka_button_{sample} 0\n")), "{sample}: {text}");
        }
    }

    #[test]
    fn every_limit_and_reason_is_documented() {
        let table = include_str!("../../docs/metrics.md");
        let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap_or_default();
        for limit in Limited::NAMES {
            assert!(
                row("`kafka_button_requests_limited`").contains(&format!("`{limit}`")),
                "{limit}"
            );
        }
        for reason in RejectReason::ALL.map(RejectReason::name) {
            assert!(
                row("`kafka_button_events_rejected`").contains(&format!("`{reason}`")),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_state_of_kafka_is_one_of_four() {
        let text = busy();
        let states = text.lines().filter(|line| line.starts_with("kafka_button_kafka_state{"));
        assert_eq!(states.clone().count(), 4);
        let now: Vec<_> = states.filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(now, [r#"kafka_button_kafka_state{state="not_configured"} 1"#]);
    }
}
