//! `/healthz`: the process runs. `/readyz`: an event would be taken durably now, and why not.

use super::Context;
use crate::{
    error_chain::error_chain,
    sink::{Delivery, KafkaState},
};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use event_store::Store;
use serde::Serialize;
use std::sync::Arc;

pub(super) fn router() -> Router<Arc<Context>> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(readyz))
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Readiness {
    /// Whether events are taken durably, and nothing waits for a person.
    ready: bool,
    kafka: KafkaState,
    store: StoreState,
    /// What the operator has to attend to although events are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    geo_database: Option<String>,
}

/// State of the store.
#[derive(Serialize)]
struct StoreState {
    writable: bool,
    /// Events that are not in Kafka.
    undelivered: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl StoreState {
    fn of(store: &Store, delivery: &Delivery) -> Self {
        let problem = store.problem();
        Self {
            writable: problem.is_none(),
            undelivered: undelivered(store, delivery),
            reason: problem.map(|problem| error_chain(&*problem)),
        }
    }
}

/// Events in the store that are not in Kafka.
pub(super) fn undelivered(store: &Store, delivery: &Delivery) -> u64 {
    store.undelivered_count().saturating_sub(delivery.delivered_unmarked())
}

async fn readyz(State(context): State<Arc<Context>>) -> (StatusCode, Json<Readiness>) {
    let store = StoreState::of(&context.store, &context.delivery);
    let kafka = context.delivery.kafka_state();
    let ready = match kafka {
        KafkaState::Delivering => true,
        KafkaState::NotConfigured | KafkaState::Waiting { .. } => store.writable,
        KafkaState::Misconfigured { .. } => false,
    };
    let warnings = context.delivery.warnings();
    let geo_database = context.geo.database_name();
    let readiness = Readiness { ready, kafka, store, warnings, geo_database };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
