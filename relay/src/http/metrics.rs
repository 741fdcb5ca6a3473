//! `/metrics`: the counters, for Prometheus.

use super::Context;
use crate::metrics::Snapshot;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router() -> Router<Arc<Context>> {
    Router::new().route("/metrics", get(metrics))
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    let snapshot = Snapshot {
        undelivered: context.store_probe.ask(context.delivery.store()).await.undelivered,
        in_flight: context.delivery.in_flight(),
        geo_built: context.geo.built(),
        kafka: context.delivery.kafka_state(),
    };
    match context.metrics.encode(&snapshot) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
