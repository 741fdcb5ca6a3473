//! `/healthz`: the process runs. `/readyz`: an event would be taken durably now, and why not.

use super::Context;
use crate::{delivery::KafkaState, store::Store};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde::Serialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

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
    geo_database: Option<String>,
}

/// How it goes with the store.
#[derive(Clone, Serialize)]
pub(super) struct StoreState {
    writable: bool,
    /// Events that are not in Kafka; `None` where that cannot be told.
    pub(super) undelivered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What was found out so lately is good enough for the next who asks.
const FRESH: Duration = Duration::from_millis(100);

/// Asks the store how it is, for one after the other: anybody may want to know, as often as they like,
/// and the store's one thread has events to write.
#[derive(Default)]
pub struct StoreProbe(Mutex<Option<(Instant, StoreState)>>);

impl StoreProbe {
    pub(super) async fn ask(&self, store: &Store) -> StoreState {
        let mut latest = self.0.lock().await;
        if let Some((at, state)) = &*latest
            && at.elapsed() < FRESH
        {
            return state.clone();
        }
        let writable = store.check_writable().await;
        let state = StoreState {
            writable: writable.is_ok(),
            undelivered: store.undelivered_count().await.ok(),
            reason: writable.err().map(|error| error.to_string()),
        };
        *latest = Some((Instant::now(), state.clone()));
        state
    }
}

async fn readyz(State(context): State<Arc<Context>>) -> (StatusCode, Json<Readiness>) {
    let store = context.store_probe.ask(context.delivery.store()).await;
    let kafka = context.delivery.kafka_state();
    let ready = match kafka {
        KafkaState::Delivering => true,
        KafkaState::NotConfigured | KafkaState::Waiting { .. } => store.writable,
        KafkaState::Misconfigured { .. } => false,
    };
    let readiness = Readiness { ready, kafka, store, geo_database: context.geo.database_name() };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
