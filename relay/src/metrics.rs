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
    },
    registry::{Registry, Unit},
};
use schemas::RejectReason;
use std::{fmt, time::Duration};

use crate::delivery::DurableIn;

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
    geo_built: Gauge,
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

/// What is measured when somebody asks, rather than counted as it happens.
pub struct Snapshot {
    /// Events in the store that are not in Kafka.
    pub undelivered: Option<u64>,
    /// Messages that the producer has not heard of yet.
    pub in_flight: usize,
    /// When the geo database was built, in seconds since 1970.
    pub geo_built: Option<u64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("kafka_button");
        let accepted = Family::default();
        let rejected = Family::default();
        let refused_requests = Family::default();
        let limited_requests = Family::default();
        let unknown_fields = Counter::default();
        let connections = Gauge::default();
        let connections_given_up = Family::default();
        // From half a millisecond, about what SQLite takes, to beyond the handler's deadline.
        let recording = Histogram::new(exponential_buckets(0.0005, 2.0, 15));
        let undelivered = Gauge::default();
        let in_flight = Gauge::default();
        let geo_built = Gauge::default();
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
            "geo_database_built_timestamp",
            "When the geo database was built, since 1970; 0 without one",
            Unit::Seconds,
            geo_built.clone(),
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
            geo_built,
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

    /// A connection was closed after too long a wait for this.
    pub fn gave_up(&self, limit: &'static str) {
        self.connections_given_up.get_or_create(&Limit { limit }).inc();
    }

    /// The live numbers were serialised.
    pub fn live_serialised(&self) {
        self.live_serialisations.inc();
    }

    /// A stream of live numbers was opened.
    pub fn viewing(&self) -> Open {
        self.live_viewers.inc();
        Open(self.live_viewers.clone())
    }

    /// All of it as text (OpenMetrics 1.0, which Prometheus reads).
    pub fn encode(&self, snapshot: &Snapshot) -> Result<String, fmt::Error> {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        if let Some(undelivered) = snapshot.undelivered {
            self.undelivered.set(gauge(undelivered));
        }
        self.in_flight.set(gauge(snapshot.in_flight as u64));
        self.geo_built.set(gauge(snapshot.geo_built.unwrap_or(0)));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
