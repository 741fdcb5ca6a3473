//! `/metrics`: the counters, for Prometheus.

use super::{Context, health::undelivered};
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
        undelivered: undelivered(&context.store, &context.delivery),
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
