//! Where an event goes, so that it is durable before it is acknowledged.
//!
//! ```text
//!             ┌─ route: Kafka ──► produce ── acknowledged ──► done
//!  events ────┤                      └────── refused ──► store, and route: Store
//!             └─ route: Store ──► store ──► done
//!                                   │
//!                                   └── drain ──► Kafka; when the store is empty, route: Kafka
//! ```
//!
//! While anything waits in the store, new events go there too and leave behind it: an event never
//! overtakes an earlier one of its session. Without Kafka the route is the store, for good.

mod drain;

use crate::{
    kafka::{Kafka, KafkaSettings, Refusal, Refused, Registry},
    store::{Received, Store, StoreError},
};
use arc_swap::ArcSwap;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, RwLock};

/// Longer than the producer's message timeout, so that it fires only if that one fails.
const PRODUCE_DEADLINE: Duration = Duration::from_secs(5);

/// Where durable events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurableIn {
    /// In the topic, acknowledged by all in-sync replicas.
    Kafka,
    /// In the relay's store.
    Store,
}

impl DurableIn {
    /// Both.
    pub const ALL: [DurableIn; 2] = [DurableIn::Kafka, DurableIn::Store];

    /// The name in the receipt.
    pub fn name(self) -> &'static str {
        match self {
            DurableIn::Kafka => "kafka",
            DurableIn::Store => "store",
        }
    }
}

/// Which way new events take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Route {
    Kafka,
    Store,
}

/// How it goes with Kafka, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KafkaState {
    /// The store is the destination.
    NotConfigured,
    /// Events go to the topic at once.
    Delivering,
    /// Events go to the store until Kafka and the registry answer; nothing needs to be done.
    Waiting {
        /// What is waited for.
        reason: String,
    },
    /// Events go to the store until somebody changes something.
    Misconfigured {
        /// What is wrong and what to do.
        reason: String,
    },
}

impl KafkaState {
    /// Every name, in `/readyz` and in `/metrics`.
    pub const NAMES: [&str; 4] = ["not_configured", "delivering", "waiting", "misconfigured"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        let [not_configured, delivering, waiting, misconfigured] = Self::NAMES;
        match self {
            KafkaState::NotConfigured => not_configured,
            KafkaState::Delivering => delivering,
            KafkaState::Waiting { .. } => waiting,
            KafkaState::Misconfigured { .. } => misconfigured,
        }
    }
}

impl From<&Refusal> for KafkaState {
    fn from(refusal: &Refusal) -> Self {
        let reason = refusal.to_string();
        match refusal.needs_a_person() {
            true => KafkaState::Misconfigured { reason },
            false => KafkaState::Waiting { reason },
        }
    }
}

/// Takes events and makes them durable.
pub struct Delivery {
    store: Store,
    kafka: Option<Arc<Kafka>>,
    route: RwLock<Route>,
    state: ArcSwap<KafkaState>,
    /// Tells the drain that the route has changed to the store.
    diverted: Notify,
}

impl Delivery {
    /// Starts on the store: what an earlier run left there has to leave first.
    pub fn new(store: Store, kafka: Option<Kafka>) -> Self {
        let state = match &kafka {
            None => KafkaState::NotConfigured,
            Some(_) => KafkaState::Waiting { reason: "the relay has just started".to_owned() },
        };
        Self {
            store,
            kafka: kafka.map(Arc::new),
            route: RwLock::new(Route::Store),
            state: ArcSwap::from_pointee(state),
            diverted: Notify::new(),
        }
    }

    /// Makes the events durable, and says where. On an error none may be acknowledged.
    pub async fn record(&self, mut events: Vec<Received>) -> Result<DurableIn, StoreError> {
        if events.is_empty() {
            return Ok(match *self.route.read().await {
                Route::Kafka => DurableIn::Kafka,
                Route::Store => DurableIn::Store,
            });
        }
        // The guard is held while the store is written: the drain changes the route only when
        // nobody is between having read it and having written.
        let route = self.route.read().await;
        let Some(kafka) = self.kafka.as_ref().filter(|_| *route == Route::Kafka) else {
            self.store.insert(events).await?;
            return Ok(DurableIn::Store);
        };
        drop(route);
        let Err(refused) = produce(kafka, &events).await else {
            return Ok(DurableIn::Kafka);
        };
        refused.retain(&mut events, false);
        let reason = refused.refusal;
        let mut route = self.route.write().await;
        if *route == Route::Kafka {
            tracing::warn!("Kafka does not take events, the store does now: {reason}");
            *route = Route::Store;
            self.set_state(KafkaState::from(&reason));
            self.diverted.notify_one();
        }
        let _route = route.downgrade();
        self.store.insert(events).await?;
        Ok(DurableIn::Store)
    }

    /// How it goes with Kafka.
    pub fn kafka_state(&self) -> KafkaState {
        KafkaState::clone(&self.state.load())
    }

    /// Kafka, if it is configured.
    pub fn kafka(&self) -> Option<&Arc<Kafka>> {
        self.kafka.as_ref()
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Messages that wait for Kafka's delivery report.
    pub fn in_flight(&self) -> usize {
        self.kafka.as_ref().map_or(0, |kafka| kafka.in_flight())
    }

    /// Waits for what is under way to Kafka.
    pub async fn flush(&self) {
        if let Some(kafka) = self.kafka.clone() {
            // The producer's flush blocks; a failed join means that it panicked, and is logged.
            let _ = tokio::task::spawn_blocking(move || kafka.flush()).await;
        }
    }

    /// Sends new events to the store, until the direct route is opened again.
    async fn divert(&self) {
        *self.route.write().await = Route::Store;
    }

    fn set_state(&self, state: KafkaState) {
        self.state.store(Arc::new(state));
    }
}

/// Produces with a deadline of its own. What is not known to be in Kafka by then counts as refused.
async fn produce(kafka: &Kafka, events: &[Received]) -> Result<(), Refused> {
    match tokio::time::timeout(PRODUCE_DEADLINE, kafka.produce(events)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let refusal = kafka.telling(Refusal::new("Kafka did not acknowledge in time"));
            Err(Refused::all(events, refusal))
        }
    }
}

/// Makes the parts that Kafka needs, if it is configured.
pub fn connect(settings: Option<&KafkaSettings>) -> anyhow::Result<Option<(Kafka, Registry)>> {
    let Some(settings) = settings else { return Ok(None) };
    Ok(Some((Kafka::new(settings.clone())?, Registry::new(settings.registry.clone())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_the_same_name_in_json() {
        let reason = String::new;
        for state in [
            KafkaState::NotConfigured,
            KafkaState::Delivering,
            KafkaState::Waiting { reason: reason() },
            KafkaState::Misconfigured { reason: reason() },
        ] {
            let json = serde_json::to_value(&state).unwrap_or_default();
            assert_eq!(json["state"], state.name());
        }
    }

    #[test]
    fn the_first_refusal_already_tells_whether_a_person_is_needed() {
        let reason = || "no".to_owned();
        let state = KafkaState::from(&Refusal::for_a_person(reason()));
        assert_eq!(state, KafkaState::Misconfigured { reason: reason() });
        let state = KafkaState::from(&Refusal::new(reason()));
        assert_eq!(state, KafkaState::Waiting { reason: reason() });
    }
}
