//! Routing of new events: to Kafka, or to the store while Kafka is unavailable.
//!
//! While anything waits in the store, new events go there too and leave behind it: an event never
//! overtakes an earlier one of its session. Without Kafka the route is always the store.

use super::{Records, Sink, SinkError};
use crate::error_chain::error_chain;
use arc_swap::ArcSwap;
use schemas::Received;
use serde::Serialize;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use strum::{Display, IntoStaticStr, VariantNames};
use tokio::sync::{Notify, RwLock};

/// Where durable events are. The names are those in the receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum DurableIn {
    /// In the topic, acknowledged by all in-sync replicas.
    Kafka,
    /// In the relay's store.
    Store,
}

/// The events of a request are durable.
#[derive(Debug)]
pub struct Recorded {
    /// Where all of them are, or the last of them.
    pub durable_in: DurableIn,
    /// Where they are in Kafka.
    pub records: Records,
}

/// Where new events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Kafka,
    Store,
}

/// Kafka connection state, for `/readyz` and `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, IntoStaticStr, VariantNames)]
#[serde(tag = "state", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// Events go to the store until an operator changes something.
    Misconfigured {
        /// What is wrong and what to do.
        reason: String,
    },
}

impl From<&SinkError> for KafkaState {
    fn from(error: &SinkError) -> Self {
        let reason = error_chain(error);
        match error.is_misconfiguration() {
            true => KafkaState::Misconfigured { reason },
            false => KafkaState::Waiting { reason },
        }
    }
}

/// Writes events to Kafka, and to the store while Kafka is unavailable.
pub struct Delivery {
    kafka: Option<Arc<dyn Sink>>,
    store: Arc<dyn Sink>,
    /// Locked for reading while events are written to the store: the forwarder changes it only when no event is
    /// on its way there.
    pub(super) route: RwLock<Route>,
    state: ArcSwap<KafkaState>,
    /// Wakes the forwarder.
    pub(super) wake: Notify,
    /// Rows of the store that Kafka has and that could not be marked.
    pub(super) unmarked: AtomicU64,
    /// Warnings about rows that Kafka rejects, and about unreadable rows.
    pub(super) set_aside: ArcSwap<Vec<String>>,
}

impl Delivery {
    /// Starts on the store: what an earlier run left there has to leave first.
    pub fn new(store: Arc<dyn Sink>, kafka: Option<Arc<dyn Sink>>) -> Self {
        let state = match &kafka {
            None => KafkaState::NotConfigured,
            Some(_) => KafkaState::Waiting { reason: "the relay has just started".to_owned() },
        };
        Self {
            kafka,
            store,
            route: RwLock::new(Route::Store),
            state: ArcSwap::from_pointee(state),
            wake: Notify::new(),
            unmarked: AtomicU64::new(0),
            set_aside: ArcSwap::default(),
        }
    }

    /// Makes the events durable, and returns where they are.
    ///
    /// # Errors
    /// If an event may not be durable. None may be acknowledged then.
    pub async fn record(&self, events: Vec<Received>) -> Result<Recorded, SinkError> {
        let route = self.route.read().await;
        let kafka = self.kafka.as_ref().filter(|_| *route == Route::Kafka);
        if events.is_empty() {
            let durable_in = if kafka.is_some() { DurableIn::Kafka } else { DurableIn::Store };
            return Ok(Recorded { durable_in, records: Records::new() });
        }
        let Some(kafka) = kafka else {
            let records = self.store.write(&events).await.map_err(|failure| failure.error)?;
            return Ok(Recorded { durable_in: DurableIn::Store, records });
        };
        drop(route);
        let failure = match kafka.write(&events).await {
            Ok(records) => return Ok(Recorded { durable_in: DurableIn::Kafka, records }),
            Err(failure) => failure,
        };
        let remaining = failure.remaining(events);
        // Rejected events are no reason to fail over: Kafka accepts others.
        let _route = if failure.failed.is_empty() {
            self.route.read().await
        } else {
            let mut route = self.route.write().await;
            if *route == Route::Kafka {
                let error = error_chain(&failure.error);
                tracing::warn!("Kafka takes no events, the store does now: {error}");
                *route = Route::Store;
                self.set_state(KafkaState::from(&failure.error));
                self.wake.notify_one();
            }
            route.downgrade()
        };
        self.store.write(&remaining).await.map_err(|failure| failure.error)?;
        Ok(Recorded { durable_in: DurableIn::Store, records: failure.records })
    }

    /// Reports why the forwarder cannot go on. After an error of Kafka's, new events go to the store until
    /// it opens the direct route again; an error of the store is none of theirs.
    pub(super) async fn report(&self, error: &SinkError) {
        if matches!(error, SinkError::Store(_)) {
            if *self.route.read().await == Route::Kafka {
                return tracing::warn!(
                    "events in the store are not delivered: {}",
                    error_chain(error)
                );
            }
        } else {
            *self.route.write().await = Route::Store;
        }
        let state = KafkaState::from(error);
        if self.kafka_state() != state {
            tracing::warn!("events stay in the store: {}", error_chain(error));
            self.set_state(state);
        }
    }

    /// Starts a pass of the forwarder at once, as on SIGHUP.
    pub fn wake_forwarder(&self) {
        self.wake.notify_one();
    }

    /// The Kafka connection state.
    pub fn kafka_state(&self) -> KafkaState {
        KafkaState::clone(&self.state.load())
    }

    pub(super) fn set_state(&self, state: KafkaState) {
        self.state.store(Arc::new(state));
    }

    /// Rows of the store that are marked as undelivered although Kafka has their events, since the store
    /// could not be written.
    pub fn delivered_unmarked(&self) -> u64 {
        self.unmarked.load(Relaxed)
    }

    /// What the operator has to attend to although events are taken.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.kafka.as_ref().map(|kafka| kafka.warnings()).unwrap_or_default();
        warnings.extend(self.set_aside.load().iter().cloned());
        warnings
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::testing::*, *};

    #[tokio::test]
    async fn failed_write_goes_to_store_and_fails_over() {
        let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
        let delivery = direct(&store, &kafka).await;
        assert_eq!(delivery.record(events(0..2)).await.unwrap().durable_in, DurableIn::Kafka);
        kafka.state().writes_fail = true;
        assert_eq!(delivery.record(events(2..4)).await.unwrap().durable_in, DurableIn::Store);
        assert!(matches!(delivery.kafka_state(), KafkaState::Waiting { .. }));
        // The route is the store now, whether Kafka is back or not.
        kafka.state().writes_fail = false;
        assert_eq!(delivery.record(events(4..5)).await.unwrap().durable_in, DurableIn::Store);
        assert_eq!((kafka.counts(), store.counts()), (vec![0, 1], vec![2, 3, 4]));
    }

    #[tokio::test]
    async fn rejected_event_goes_to_store_without_failover() {
        let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
        let delivery = direct(&store, &kafka).await;
        kafka.state().rejected.insert(1);
        assert_eq!(delivery.record(events(0..3)).await.unwrap().durable_in, DurableIn::Store);
        assert_eq!(delivery.record(events(3..4)).await.unwrap().durable_in, DurableIn::Kafka);
        assert_eq!((kafka.counts(), store.counts()), (vec![0, 2, 3], vec![1]));
        assert_eq!(delivery.kafka_state(), KafkaState::Delivering);
    }

    #[tokio::test]
    async fn neither_sink_acknowledges_nothing() {
        let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
        let delivery = direct(&store, &kafka).await;
        kafka.state().writes_fail = true;
        store.state().writes_fail = true;
        assert!(delivery.record(events(0..1)).await.is_err());
        store.state().writes_fail = false;
        assert_eq!(delivery.record(events(0..1)).await.unwrap().durable_in, DurableIn::Store);
    }

    #[tokio::test]
    async fn no_events_need_no_sink() {
        let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
        store.state().writes_fail = true;
        kafka.state().writes_fail = true;
        let delivery = direct(&store, &kafka).await;
        assert_eq!(delivery.record(Vec::new()).await.unwrap().durable_in, DurableIn::Kafka);
        let alone = Delivery::new(store.sink(), None);
        assert_eq!(alone.record(Vec::new()).await.unwrap().durable_in, DurableIn::Store);
    }
}
