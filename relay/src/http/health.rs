//! `/healthz`: the process runs. `/readyz`: an event would be taken durably now, and why not.

use super::Context;
use crate::delivery::KafkaState;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;

pub(super) fn router() -> Router<Context> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz))
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    /// Whether events are taken durably, and nothing waits for a person.
    ready: bool,
    kafka: KafkaState,
    store: StoreState,
    geo_database: Option<String>,
}

#[derive(Serialize)]
struct StoreState {
    writable: bool,
    /// Events that are not in Kafka; `None` where that cannot be told.
    undelivered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

async fn readyz(State(context): State<Context>) -> (StatusCode, Json<Readiness>) {
    let store = context.delivery.store();
    let writable = store.check_writable().await;
    let kafka = context.delivery.kafka_state();
    let ready = match kafka {
        KafkaState::Delivering => true,
        KafkaState::NotConfigured | KafkaState::Waiting { .. } => writable.is_ok(),
        KafkaState::Misconfigured { .. } => false,
    };
    let readiness = Readiness {
        ready,
        kafka,
        store: StoreState {
            writable: writable.is_ok(),
            undelivered: store.undelivered_count().await.ok(),
            reason: writable.err().map(|error| error.to_string()),
        },
        geo_database: context.geo.database_name(),
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
