//! A double of Kafka and of the store, for tests.
#![allow(clippy::unwrap_used)]

use super::{Delivery, Forwarder, KafkaState, Queue, Records, Sink, SinkError, WriteError};
use event_store::{Delivered, RowId, StoreError, Undelivered};
use futures_util::{FutureExt, future::BoxFuture};
use kafka_client::{ConnectError, ProduceError};
use schemas::{Action, ButtonPress, Event, Place, Received, RecordMetadata, Timestamp, Uuid};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Events of one session with these counts.
pub(crate) fn events(counts: Range<u64>) -> Vec<Received> {
    let time = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
    let event = |count| Event { timestamp: time, action: Action::PressButton, count };
    let press = |count| ButtonPress {
        session_id: Uuid::from_u128(9),
        event: event(count),
        place: Place::unknown().into(),
        cohort: None,
    };
    counts.map(|count| Received { press: press(count), received_at: time }).collect()
}

/// A delivery whose direct route is open.
pub(crate) async fn direct(store: &SinkDouble, kafka: &SinkDouble) -> Arc<Delivery> {
    let delivery = Arc::new(Delivery::new(store.sink(), Some(kafka.sink())));
    let shutdown = CancellationToken::new();
    let forwarder = Forwarder::new(Arc::clone(&delivery), kafka.sink(), store.queue());
    let running = tokio::spawn(forwarder.run(shutdown.clone()));
    while delivery.kafka_state() != KafkaState::Delivering {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
    delivery
}

/// A sink and a queue in memory that fail on demand.
#[derive(Clone, Default)]
pub(crate) struct SinkDouble(Arc<Mutex<State>>);

/// What the double holds, and what fails.
#[derive(Default)]
pub(crate) struct State {
    /// Rows, of which those without an event are unreadable. The id of the first is 1.
    pub(crate) rows: Vec<Option<Received>>,
    pub(crate) delivered: BTreeMap<RowId, Option<RecordMetadata>>,
    pub(crate) marks_fail: bool,
    pub(crate) connects: usize,
    pub(crate) connects_fail: bool,
    pub(crate) connects_hang: bool,
    /// How often a write was tried.
    pub(crate) attempts: usize,
    pub(crate) writes_fail: bool,
    pub(crate) write_delay: Duration,
    /// Counts of events whose next write fails.
    pub(crate) fail_once: BTreeSet<u64>,
    /// Counts of events that are rejected.
    pub(crate) rejected: BTreeSet<u64>,
    /// Larger batches are rejected as a whole.
    pub(crate) largest_batch: Option<usize>,
}

impl SinkDouble {
    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.clone())
    }

    pub(crate) fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(self.clone())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The counts of the written events, in their order.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.state().rows.iter().flatten().map(|event| event.press.event.count).collect()
    }

    /// The counts of the events that are not marked as delivered.
    pub(crate) fn undelivered_counts(&self) -> Vec<u64> {
        let rows = self.state().undelivered(0, usize::MAX).events;
        rows.into_iter().map(|(_, event)| event.press.event.count).collect()
    }
}

impl State {
    fn undelivered(&self, after: RowId, limit: usize) -> Undelivered {
        let mut found = Undelivered { read_up_to: after, ..Undelivered::default() };
        let rows = (1..).zip(&self.rows);
        let mut rows = rows.filter(|(id, _)| *id > after && !self.delivered.contains_key(id));
        for (id, event) in rows.by_ref().take(limit) {
            found.read_up_to = id;
            match event {
                Some(event) => found.events.push((id, event.clone())),
                None => found.unreadable += 1,
            }
        }
        found.is_last = rows.next().is_none();
        found
    }

    /// Where the next event is, as if the rows were a partition.
    fn position(&self) -> Option<RecordMetadata> {
        let offset = self.rows.len() as i64;
        Some(RecordMetadata { partition: 0, offset, schema_id: 1, bytes: 80 })
    }

    fn write(&mut self, events: &[Received]) -> Result<Records, Box<WriteError>> {
        if self.writes_fail {
            return Err(WriteError::all(events.len(), error()).into());
        }
        let (mut failed, mut rejected) = (Vec::new(), Vec::new());
        let mut records = vec![None; events.len()];
        let too_large = self.largest_batch.is_some_and(|largest| events.len() > largest);
        for (index, event) in events.iter().enumerate() {
            let count = event.press.event.count;
            if too_large || self.rejected.contains(&count) {
                rejected.push(index);
            } else if self.fail_once.remove(&count) {
                failed.push(index);
            } else {
                records[index] = self.position();
                self.rows.push(Some(event.clone()));
            }
        }
        match failed.is_empty() && rejected.is_empty() {
            true => Ok(records),
            false => Err(WriteError { records, failed, rejected, error: error() }.into()),
        }
    }
}

fn error() -> SinkError {
    ConnectError::from(ProduceError::transient("the double fails")).into()
}

impl Sink for SinkDouble {
    fn connect(&self) -> BoxFuture<'_, Result<(), SinkError>> {
        async {
            let (hang, fail) = {
                let mut state = self.state();
                state.connects += 1;
                (state.connects_hang, state.connects_fail)
            };
            if hang {
                std::future::pending::<()>().await;
            }
            if fail { Err(error()) } else { Ok(()) }
        }
        .boxed()
    }

    fn write<'a>(&'a self, events: &'a [Received]) -> BoxFuture<'a, Result<Records, WriteError>> {
        async {
            let delay = {
                let mut state = self.state();
                state.attempts += 1;
                state.write_delay
            };
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            self.state().write(events).map_err(|error| *error)
        }
        .boxed()
    }
}

impl Queue for SinkDouble {
    fn undelivered(
        &self,
        after: RowId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Undelivered, StoreError>> {
        std::future::ready(Ok(self.state().undelivered(after, limit))).boxed()
    }

    fn mark_delivered(&self, rows: Vec<Delivered>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        if state.marks_fail {
            return std::future::ready(Err(StoreError::DiskFull { bytes: 0 })).boxed();
        }
        state.delivered.extend(rows.into_iter().map(|it| (it.row, it.record)));
        std::future::ready(Ok(())).boxed()
    }
}
