//! The way back: from the store to Kafka, as soon as Kafka takes events.

use super::{Delivery, KafkaState, Route, produce};
use crate::{
    clock,
    kafka::{Kafka, Refusal, Registry, RegistryError},
    store::{Received, RowId, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Events under way at once. Enough to fill Kafka's batches, little enough to keep in memory.
const BATCH: usize = 2000;

/// Pauses between attempts: doubling from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How often the certificate files and the store are looked at while all goes well. The store is
/// empty then, unless another program or another relay writes into the same file.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Why an attempt ended before the store was empty.
#[derive(Debug, thiserror::Error)]
enum Setback {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Kafka(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Setback {
    fn state(&self) -> KafkaState {
        let reason = self.to_string();
        match self {
            Setback::Registry(RegistryError::Refused { .. } | RegistryError::Credentials(_)) => {
                KafkaState::Misconfigured { reason }
            }
            Setback::Kafka(refusal) => refusal.into(),
            _ => KafkaState::Waiting { reason },
        }
    }
}

impl Delivery {
    /// Runs until `shutdown`: gets the schema's id, empties the store into Kafka, opens the direct
    /// route, and does so again whenever Kafka has refused something. SIGHUP makes it look at once
    /// for certificates that were replaced.
    pub async fn drain(
        self: Arc<Self>,
        registry: Registry,
        topic: String,
        shutdown: CancellationToken,
    ) {
        let Some(kafka) = self.kafka.clone() else { return };
        let mut hang_up = match signal(SignalKind::hangup()) {
            Ok(hang_up) => Some(hang_up),
            Err(error) => {
                tracing::warn!("SIGHUP is not heard: {error}");
                None
            }
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let wait = match self.attempt(&kafka, &registry, &topic).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    LOOK_EVERY
                }
                Err(setback) => {
                    if matches!(setback, Setback::Kafka(_)) {
                        // Nothing has to wait until a message is refused too.
                        self.divert().await;
                    }
                    let state = setback.state();
                    if self.kafka_state() != state {
                        tracing::warn!("events stay in the store: {setback}");
                        self.set_state(state);
                    }
                    pause = (pause * 2).min(LAST_PAUSE);
                    pause
                }
            };
            let delivering = wait == LOOK_EVERY;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                () = self.diverted.notified(), if delivering => {}
                () = heard(&mut hang_up) => {}
            }
        }
    }

    async fn attempt(
        &self,
        kafka: &Arc<Kafka>,
        registry: &Registry,
        topic: &str,
    ) -> Result<(), Setback> {
        self.take_up_certificates(kafka).await?;
        if !kafka.has_schema_id() {
            let id = registry.register(topic).await?;
            kafka.set_schema_id(id);
            tracing::info!(id, "the schema is registered");
        }
        let asked = Arc::clone(kafka);
        tokio::task::spawn_blocking(move || asked.check_topic())
            .await
            .unwrap_or_else(|_| Err(Refusal::new("the question for the topic failed")))?;
        let mut delivered = 0;
        loop {
            let rows = self.store.undelivered(BATCH).await?;
            let nearly_empty = rows.len() < BATCH;
            delivered += rows.len();
            self.deliver(kafka, rows).await?;
            if nearly_empty && let Some(rest) = self.open_direct_route(kafka).await? {
                if delivered + rest > 0 {
                    tracing::info!(events = delivered + rest, "the store is delivered to Kafka");
                }
                return Ok(());
            }
        }
    }

    /// Exchanges the producer for one with newer certificates, if there are any. Events go to the
    /// store meanwhile, so that none overtakes one that the old producer still has.
    async fn take_up_certificates(&self, kafka: &Arc<Kafka>) -> Result<(), Setback> {
        let asked = Arc::clone(kafka);
        let renewal = tokio::task::spawn_blocking(move || asked.renewal()).await;
        if let Some(renewal) = renewal.ok().flatten() {
            self.divert().await;
            let renewed = Arc::clone(kafka);
            // A failed join means that it panicked, and is logged.
            if tokio::task::spawn_blocking(move || renewed.renew(renewal)).await.is_ok() {
                tracing::info!("the certificates for Kafka were replaced and are in use");
            }
        }
        kafka.lapse().map_or(Ok(()), |lapse| Err(lapse.into()))
    }

    async fn deliver(
        &self,
        kafka: &Arc<Kafka>,
        rows: Vec<(RowId, Received)>,
    ) -> Result<(), Setback> {
        if rows.is_empty() {
            return Ok(());
        }
        let (mut ids, events): (Vec<RowId>, Vec<Received>) = rows.into_iter().unzip();
        let outcome = produce(kafka, &events).await;
        if let Err(refused) = &outcome {
            refused.retain(&mut ids, true);
        }
        if !ids.is_empty() {
            self.store.mark_delivered(ids, clock::now()).await?;
        }
        outcome.map_err(|refused| refused.refusal.into())
    }

    /// Delivers the rest while new events wait, and sends those to Kafka from then on. Without the
    /// wait the store would never be found empty for as long as people press.
    ///
    /// Kafka has taken events just before this, so the wait is short. Gives the number of events
    /// that were left; `None` if there were too many, and nothing has changed.
    async fn open_direct_route(&self, kafka: &Arc<Kafka>) -> Result<Option<usize>, Setback> {
        let mut route = self.route.write().await;
        let rest = self.store.undelivered(BATCH).await?;
        let events = rest.len();
        if events == BATCH {
            return Ok(None);
        }
        self.deliver(kafka, rest).await?;
        *route = Route::Kafka;
        if self.kafka_state() != KafkaState::Delivering {
            self.set_state(KafkaState::Delivering);
            tracing::info!("events go to Kafka");
        }
        Ok(Some(events))
    }
}

/// Waits for a signal; for ever if signals are not heard.
async fn heard(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
