//! `/healthz`, whether the process runs; `/readyz`, whether events are made durable; `/metrics`, for
//! Prometheus.

use super::Context;
use crate::{error_chain::error_chain, metrics::Snapshot, sink::KafkaState};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route that visitors can reach as well.
pub(super) fn health() -> Router<Arc<Context>> {
    Router::new().route("/healthz", get(|| async { "ok\n" }))
}

/// Routes with the Kafka connection state, which are not for visitors.
pub(super) fn details() -> Router<Arc<Context>> {
    Router::new().route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

/// The response of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    /// Whether events are made durable, and nothing is misconfigured.
    ready: bool,
    kafka: KafkaState,
    store: StoreState,
    /// What needs the operator's attention although events are made durable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    geo_database: Option<String>,
}

#[derive(Serialize)]
struct StoreState {
    writable: bool,
    /// Events that are not in Kafka.
    undelivered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Events in the store that are not in Kafka.
fn undelivered(context: &Context) -> u64 {
    context.store.undelivered_count().saturating_sub(context.delivery.delivered_unmarked())
}

async fn readyz(State(context): State<Arc<Context>>) -> (StatusCode, Json<Readiness>) {
    let problem = context.store.problem();
    let store = StoreState {
        writable: problem.is_none(),
        undelivered: undelivered(&context),
        reason: problem.map(|problem| error_chain(&*problem)),
    };
    let kafka = context.delivery.kafka_state();
    let ready = match kafka {
        KafkaState::Delivering => true,
        KafkaState::NotConfigured | KafkaState::Waiting { .. } => store.writable,
        KafkaState::Misconfigured { .. } => false,
    };
    let warnings = context.delivery.warnings();
    let geo_database = context.geo.database_name();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, kafka, store, warnings, geo_database }))
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    let snapshot = Snapshot {
        undelivered: undelivered(&context),
        in_flight: context.kafka.as_ref().map_or(0, |kafka| kafka.in_flight()),
        certificate_expiry: context.kafka.as_ref().and_then(|kafka| kafka.certificate_expiry()),
        geo_built: context.geo.built(),
        live_serialisations: context.live.serialisations(),
        kafka: context.delivery.kafka_state(),
    };
    match context.metrics.encode(&snapshot) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
