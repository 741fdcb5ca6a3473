//! Counters and gauges for `/metrics`.
//!
//! Labels name destinations, reasons and limits, never visitors. The names begin with `kafka_button_`.

use crate::{
    ingest::limits::Limited,
    sink::{DurableIn, KafkaState},
};
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use schemas::RejectReason;
use std::{fmt, hash::Hash, time::Duration};
use strum::VariantNames;

/// Metrics that differ in the value of one label.
type ByLabel<M, Value = &'static str> = Family<[(&'static str, Value); 1], M>;

/// The one timeout of connections.
const IDLE: &str = "idle";

/// The relay's counters. They start at zero with the process.
pub struct Metrics {
    events_accepted: Labelled,
    /// Invalid events, by reason.
    pub events_rejected: Labelled,
    /// Rejected requests, by HTTP status.
    pub requests_refused: Labelled<u16>,
    /// Rate-limited or overloaded requests, by limit.
    pub requests_limited: Labelled,
    /// JSON objects with unknown fields.
    pub unknown_fields: Counter,
    recording: Histogram,
    /// Open connections.
    pub connections: Gauge,
    connections_given_up: Labelled,
    /// Open streams of live numbers.
    pub live_viewers: Gauge,
}

/// Values that are measured at each scrape.
pub struct Snapshot {
    /// Events in the store that are not in Kafka.
    pub undelivered: u64,
    /// Messages in the producer without a delivery report.
    pub in_flight: usize,
    /// Serialisations of the live numbers.
    pub live_serialisations: u64,
    /// Expiry of the first of Kafka's client certificates, in seconds since 1970.
    pub certificate_expiry: Option<i64>,
    /// Build time of the geo database, in seconds since 1970.
    pub geo_built: Option<u64>,
    /// Kafka connection state.
    pub kafka: KafkaState,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            events_accepted: Labelled::new("durable_in", DurableIn::VARIANTS),
            events_rejected: Labelled::new("reason", &RejectReason::ALL.map(RejectReason::name)),
            requests_refused: Labelled::new("status", &[]),
            requests_limited: Labelled::new("limit", Limited::VARIANTS),
            unknown_fields: Counter::default(),
            // From 0.5 ms, about what SQLite takes, to beyond the handler's deadline.
            recording: Histogram::new(exponential_buckets(0.0005, 2.0, 15)),
            connections: Gauge::default(),
            connections_given_up: Labelled::new("limit", &[IDLE]),
            live_viewers: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Counts events that became durable after `took`.
    pub fn accepted(&self, events: usize, durable_in: DurableIn, took: Duration) {
        self.events_accepted.inc_by(durable_in.into(), events as u64);
        self.recording.observe(took.as_secs_f64());
    }

    /// Counts a connection that is closed by the timeout of idle ones.
    pub fn connection_timed_out(&self) {
        self.connections_given_up.inc(IDLE);
    }

    /// Encodes all metrics as OpenMetrics 1.0.
    ///
    /// # Errors
    /// If the text cannot be written, which a `String` does not cause.
    pub fn encode(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry(snapshot))?;
        Ok(text)
    }

    /// Every metric with its name and help text.
    fn registry(&self, snapshot: &Snapshot) -> Registry {
        let mut registry = Registry::with_prefix("kafka_button");
        let r = &mut registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("relay", "Version of the relay", version);
        let accepted = self.events_accepted.counters.clone();
        r.register("events_accepted", "Durable events, by destination", accepted);
        let rejected = self.events_rejected.counters.clone();
        r.register("events_rejected", "Invalid events, by reason", rejected);
        let refused = self.requests_refused.counters.clone();
        r.register("requests_refused", "Rejected requests, by HTTP status", refused);
        let limited = self.requests_limited.counters.clone();
        r.register("requests_limited", "Rate-limited or overloaded requests, by limit", limited);
        let unknown_fields = self.unknown_fields.clone();
        r.register("unknown_fields", "Bodies and events with unknown fields", unknown_fields);
        let help = "Time from a parsed request until its events are durable";
        r.register_with_unit("recording", help, Unit::Seconds, self.recording.clone());
        r.register("connections", "Open connections", self.connections.clone());
        let timed_out = self.connections_given_up.counters.clone();
        r.register("connections_given_up", "Connections closed by a timeout", timed_out);
        let viewers = self.live_viewers.clone();
        r.register("live_viewers", "Open streams of live numbers", viewers);

        let undelivered = ConstGauge::new(snapshot.undelivered);
        r.register("store_undelivered_events", "Events in the store but not in Kafka", undelivered);
        let help = "Messages in the producer without a delivery report";
        r.register("producer_messages_in_flight", help, ConstGauge::new(snapshot.in_flight));
        let states = ByLabel::<Gauge>::default();
        let state = |name| states.get_or_create_owned(&[("state", name)]);
        for name in KafkaState::VARIANTS {
            state(*name).set(0);
        }
        state((&snapshot.kafka).into()).set(1);
        let help = "Kafka connection state: 1 for the current one, 0 for the others";
        r.register("kafka_state", help, states);
        let help = "Expiry of the first Kafka client certificate, since 1970; 0 without any";
        let expiry = ConstGauge::new(snapshot.certificate_expiry.unwrap_or(0));
        r.register_with_unit("kafka_certificate_expiry_timestamp", help, Unit::Seconds, expiry);
        let help = "Build time of the geo database, since 1970; 0 without one";
        let built = ConstGauge::new(snapshot.geo_built.unwrap_or(0));
        r.register_with_unit("geo_database_built_timestamp", help, Unit::Seconds, built);
        let help = "Serialisations of the live numbers, each for all viewers";
        r.register("live_serialisations", help, ConstCounter::new(snapshot.live_serialisations));
        registry
    }
}

/// Counters that differ in the value of one label.
pub struct Labelled<Value = &'static str> {
    label: &'static str,
    counters: ByLabel<Counter, Value>,
}

impl<Value: Clone + Eq + Hash> Labelled<Value> {
    /// Starts the counters of known values at zero. Prometheus shows the increase between two samples, and
    /// none for a counter that appears with its first event.
    fn new(label: &'static str, known: &[Value]) -> Self {
        let counters = Self { label, counters: Family::default() };
        for value in known {
            counters.inc_by(value.clone(), 0);
        }
        counters
    }

    /// Counts one with this value.
    pub fn inc(&self, value: impl Into<Value>) {
        self.inc_by(value.into(), 1);
    }

    fn inc_by(&self, value: Value, count: u64) {
        self.counters.get_or_create(&[(self.label, value)]).inc_by(count);
    }
}

/// Something open that a gauge counts until this is dropped.
pub struct Open(Gauge);

impl Open {
    /// Counts it as open.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
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
        metrics.requests_refused.inc(400_u16);
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
            ("events_accepted_total", "durable_in", DurableIn::VARIANTS),
            ("events_rejected_total", "reason", &RejectReason::ALL.map(RejectReason::name)),
            ("requests_limited_total", "limit", Limited::VARIANTS),
            ("connections_given_up_total", "limit", &[IDLE]),
            ("kafka_state", "state", KafkaState::VARIANTS),
        ];
        for (name, label, values) in known {
            let is_it = |row: &[&str; 4]| row[0] == name.trim_end_matches("_total");
            let [.., meaning] = documented().into_iter().find(is_it).unwrap();
            for value in values {
                let initial = u8::from(*value == "not_configured");
                let sample = format!("kafka_button_{name}{{{label}=\"{value}\"}} {initial}\n");
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
        metrics.events_rejected.inc(RejectReason::BadCount.name());
        metrics.requests_limited.inc(Limited::Viewers);
        metrics.unknown_fields.inc();
        let _viewer = Open::new(&metrics.live_viewers);
        drop(Open::new(&metrics.connections));
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
}
