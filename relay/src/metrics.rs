//! Counters and gauges for `/metrics`.
//!
//! Labels name destinations, reasons and limits, never visitors. The names begin with `kafka_button_`.
//! Each [`Metrics`] has a registry of its own, so that no test sees the counts of another.

use crate::{
    ingest::limits::Limited,
    sink::{DurableIn, KafkaState},
};
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Metric, Registry, Unit},
};
use schemas::RejectReason;
use std::{fmt, time::Duration};

/// Metrics that differ in the value of one label.
type Labelled<M, Value = &'static str> = Family<[(&'static str, Value); 1], M>;

/// The relay's counters. They start at zero with the process.
pub struct Metrics {
    registry: Registry,
    accepted: Labelled<Counter>,
    rejected: Labelled<Counter>,
    refused_requests: Labelled<Counter, u16>,
    limited_requests: Labelled<Counter>,
    unknown_fields: Counter,
    recording: Histogram,
    connections: Gauge,
    connections_given_up: Labelled<Counter>,
    undelivered: Gauge,
    in_flight: Gauge,
    kafka_state: Labelled<Gauge>,
    certificate_expiry: Gauge,
    geo_built: Gauge,
    live_serialisations: Counter,
    live_viewers: Gauge,
}

/// What is measured at each scrape rather than counted as it happens.
pub struct Snapshot {
    /// Events in the store that are not in Kafka.
    pub undelivered: u64,
    /// Messages in the producer without a delivery report.
    pub in_flight: usize,
    /// How often the live numbers were serialised.
    pub live_serialisations: u64,
    /// When the first of Kafka's client certificates expires, in seconds since 1970.
    pub certificate_expiry: Option<i64>,
    /// When the geo database was built, in seconds since 1970.
    pub geo_built: Option<u64>,
    /// Kafka connection state.
    pub kafka: KafkaState,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kafka_button");
        let r = &mut registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("relay", "Which relay this is", version);
        Self {
            accepted: at_zero(
                add(r, "events_accepted", "Events that are durable, by where they became so"),
                "durable_in",
                DurableIn::ALL.map(DurableIn::name),
            ),
            rejected: at_zero(
                add(r, "events_rejected", "Events that can never be accepted, by reason"),
                "reason",
                RejectReason::ALL.map(RejectReason::name),
            ),
            refused_requests: add(
                r,
                "requests_refused",
                "Requests of which nothing was taken, by HTTP status",
            ),
            limited_requests: at_zero(
                add(
                    r,
                    "requests_limited",
                    "Requests that were asked to come again later, by the limit that they met",
                ),
                "limit",
                Limited::NAMES,
            ),
            unknown_fields: add(
                r,
                "unknown_fields",
                "Bodies and events with fields that are not known; the fields are passed over",
            ),
            recording: register(
                r,
                "recording_seconds",
                "Time from a parsed request until its events are durable",
                // From half a millisecond, about what SQLite takes, to beyond the handler's deadline.
                Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
            ),
            connections: add(r, "connections", "Connections that are open"),
            connections_given_up: add(
                r,
                "connections_given_up",
                "Connections that were closed since nothing came for too long, by what was waited for",
            ),
            undelivered: add(
                r,
                "store_undelivered_events",
                "Events in the store that are not in Kafka",
            ),
            in_flight: add(
                r,
                "producer_messages_in_flight",
                "Messages that wait in the producer for a delivery report",
            ),
            kafka_state: add(
                r,
                "kafka_state",
                "Kafka connection state: 1 for the current one, 0 for the others",
            ),
            certificate_expiry: add(
                r,
                "kafka_certificate_expiry_timestamp_seconds",
                "When the first of Kafka's client certificates expires, since 1970; 0 without any",
            ),
            geo_built: add(
                r,
                "geo_database_built_timestamp_seconds",
                "When the geo database was built, since 1970; 0 without one",
            ),
            live_serialisations: add(
                r,
                "live_serialisations",
                "How often the live numbers were serialised, each time for all viewers",
            ),
            live_viewers: add(r, "live_viewers", "Streams of live numbers that are open"),
            registry,
        }
    }
}

/// Registers a metric, and returns the handle to count with.
fn register<M: Metric + Clone>(r: &mut Registry, name: &str, help: &str, metric: M) -> M {
    // The registry appends the unit to the name.
    match name.strip_suffix("_seconds") {
        Some(name) => r.register_with_unit(name, help, Unit::Seconds, metric.clone()),
        None => r.register(name, help, metric.clone()),
    }
    metric
}

fn add<M: Metric + Clone + Default>(r: &mut Registry, name: &str, help: &str) -> M {
    register(r, name, help, M::default())
}

/// Starts the counters whose label values are known beforehand. Prometheus shows the increase between
/// two samples: a counter that appears with its first event shows none.
fn at_zero<const N: usize>(
    counters: Labelled<Counter>,
    label: &'static str,
    values: [&'static str; N],
) -> Labelled<Counter> {
    for value in values {
        drop(counters.get_or_create(&[(label, value)]));
    }
    counters
}

/// Something open that a gauge counts until this is dropped.
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Events became durable after `took`.
    pub fn accepted(&self, events: usize, durable_in: DurableIn, took: Duration) {
        let label = [("durable_in", durable_in.name())];
        self.accepted.get_or_create(&label).inc_by(events as u64);
        self.recording.observe(took.as_secs_f64());
    }

    /// An event was rejected.
    pub fn rejected(&self, reason: RejectReason) {
        self.rejected.get_or_create(&[("reason", reason.name())]).inc();
    }

    /// A request was answered with an error.
    pub fn refused(&self, status: u16) {
        self.refused_requests.get_or_create(&[("status", status)]).inc();
    }

    /// A request met a limit.
    pub fn limited(&self, limit: &'static str) {
        self.limited_requests.get_or_create(&[("limit", limit)]).inc();
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
    pub fn init_closed_connections(&self, limit: &'static str) {
        drop(self.connections_given_up.get_or_create(&[("limit", limit)]));
    }

    /// A connection was closed after too long a wait for this.
    pub fn connection_timed_out(&self, limit: &'static str) {
        self.connections_given_up.get_or_create(&[("limit", limit)]).inc();
    }

    /// A stream of live numbers was opened.
    pub fn stream_opened(&self) -> Open {
        self.live_viewers.inc();
        Open(self.live_viewers.clone())
    }

    /// Encodes all metrics as OpenMetrics 1.0.
    ///
    /// # Errors
    /// If the text cannot be written, which a `String` does not cause.
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
            self.kafka_state.get_or_create(&[("state", state)]).set(is_it);
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

    fn encode(metrics: &Metrics) -> String {
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

    /// Name, type, labels and meaning of each metric in docs/metrics.md.
    fn documented() -> Vec<[&'static str; 4]> {
        let rows = include_str!("../../docs/metrics.md").lines();
        let rows =
            rows.filter_map(|line| line.strip_prefix("| `kafka_button_")?.strip_suffix(" |"));
        let cells = |row: &'static str| row.split('|').map(|cell| cell.trim().trim_matches('`'));
        rows.map(|row| cells(row).collect::<Vec<_>>().try_into().unwrap()).collect()
    }

    #[test]
    fn metrics_and_labels_are_those_documented() {
        let metrics = Metrics::default();
        metrics.refused(400);
        metrics.connection_timed_out("head");
        let text = encode(&metrics);
        for [name, kind, label, meaning] in documented() {
            assert!(text.contains(&format!("# TYPE kafka_button_{name} {kind}\n")), "{name}");
            assert!(meaning.len() > 10, "{name}: {meaning}");
            let ending = match kind {
                "counter" => "_total",
                "histogram" => "_count",
                "info" => "_info",
                _ => "",
            };
            let sample = match label {
                "" => format!("\nkafka_button_{name}{ending} "),
                label => format!("\nkafka_button_{name}{ending}{{{label}=\""),
            };
            assert!(text.contains(&sample), "{sample} in {text}");
        }
        assert_eq!(text.matches("# TYPE ").count(), documented().len());
    }

    #[test]
    fn known_labels_start_at_zero_and_are_documented() {
        let text = encode(&Metrics::default());
        let known = [
            ("events_accepted", "durable_in", &DurableIn::ALL.map(DurableIn::name)[..]),
            ("events_rejected", "reason", &RejectReason::ALL.map(RejectReason::name)),
            ("requests_limited", "limit", &Limited::NAMES),
        ];
        for (name, label, values) in known {
            let [.., meaning] = documented().into_iter().find(|row| row[0] == name).unwrap();
            for value in values {
                let sample = format!("kafka_button_{name}_total{{{label}=\"{value}\"}} 0\n");
                assert!(text.contains(&sample), "{sample} in {text}");
                // The backtick behind the last one is trimmed.
                assert!(meaning.contains(&format!("`{value}")), "{name}: {value}");
            }
        }
    }

    #[test]
    fn counts_appear_in_the_text() {
        let metrics = Metrics::default();
        metrics.accepted(3, DurableIn::Store, Duration::from_millis(2));
        metrics.rejected(RejectReason::BadCount);
        metrics.limited("viewers");
        metrics.unknown_fields(1);
        let (connection, _viewer) = (metrics.connected(), metrics.stream_opened());
        drop(connection);
        let text = encode(&metrics);
        for sample in [
            "events_accepted_total{durable_in=\"store\"} 3",
            "events_rejected_total{reason=\"bad_count\"} 1",
            "requests_limited_total{limit=\"viewers\"} 1",
            "unknown_fields_total 1",
            "recording_seconds_bucket{le=\"0.002\"} 1",
            "connections 0",
            "live_viewers 1",
            "store_undelivered_events 3",
        ] {
            assert!(text.contains(&format!("\nkafka_button_{sample}\n")), "{sample} in {text}");
        }
    }

    #[test]
    fn kafka_state_is_one_of_four() {
        let text = encode(&Metrics::default());
        let states = text.lines().filter(|line| line.starts_with("kafka_button_kafka_state{"));
        assert_eq!(states.clone().count(), 4);
        let current: Vec<_> = states.filter(|line| line.ends_with(" 1")).collect();
        assert_eq!(current, [r#"kafka_button_kafka_state{state="not_configured"} 1"#]);
    }
}
