//! Doubles of Kafka and of the store, for tests.
#![allow(clippy::unwrap_used)]

use super::{Delivery, Forwarder, KafkaState, Queue, Sink, SinkError, WriteError};
use event_store::{RowId, Store, StoreError, Undelivered};
use futures_util::{FutureExt, future::BoxFuture};
use kafka_client::ProduceError;
use schemas::{Action, ButtonPress, Event, Place, Received, Timestamp, Uuid};
use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
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
    let (shutdown, queue) = (CancellationToken::new(), Arc::new(NoQueue));
    let forwarder = Forwarder::new(Arc::clone(&delivery), kafka.sink(), queue);
    let running = tokio::spawn(forwarder.run(shutdown.clone()));
    while delivery.kafka_state() != KafkaState::Delivering {
        tokio::task::yield_now().await;
    }
    shutdown.cancel();
    running.await.unwrap();
    delivery
}

struct NoQueue;

impl Queue for NoQueue {
    fn undelivered(
        &self,
        after: RowId,
        _: usize,
    ) -> BoxFuture<'_, Result<Undelivered, StoreError>> {
        let end = Undelivered { read_up_to: after, is_last: true, ..Undelivered::default() };
        std::future::ready(Ok(end)).boxed()
    }

    fn mark_delivered(&self, _: Vec<RowId>) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// A sink in memory that fails on demand.
#[derive(Clone, Default)]
pub(crate) struct SinkDouble(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    written: Vec<u64>,
    connects: usize,
    attempts: usize,
    connects_fail: bool,
    connects_hang: bool,
    writes_fail: bool,
    write_delay: Duration,
    fails_once: BTreeSet<u64>,
    rejected: BTreeSet<u64>,
    largest_batch: Option<usize>,
}

impl SinkDouble {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The counts of the written events, in their order.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.state().written.clone()
    }

    pub(crate) fn connects(&self) -> usize {
        self.state().connects
    }

    /// How often a write was tried.
    pub(crate) fn attempts(&self) -> usize {
        self.state().attempts
    }

    pub(crate) fn fail_connects(&self, fail: bool) {
        self.state().connects_fail = fail;
    }

    pub(crate) fn hang_connects(&self) {
        self.state().connects_hang = true;
    }

    pub(crate) fn fail_writes(&self, fail: bool) {
        self.state().writes_fail = fail;
    }

    pub(crate) fn delay_writes(&self, delay: Duration) {
        self.state().write_delay = delay;
    }

    /// Fails the event with this count once.
    pub(crate) fn fail_once(&self, count: u64) {
        self.state().fails_once.insert(count);
    }

    /// Rejects the event with this count.
    pub(crate) fn reject(&self, count: u64) {
        self.state().rejected.insert(count);
    }

    /// Rejects all events of a batch with more than these.
    pub(crate) fn reject_batches_over(&self, events: usize) {
        self.state().largest_batch = Some(events);
    }

    pub(crate) fn accept_all(&self) {
        self.state().rejected.clear();
    }
}

fn error() -> SinkError {
    ProduceError::transient("the double fails").into()
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

    fn write<'a>(&'a self, events: &'a [Received]) -> BoxFuture<'a, Result<(), WriteError>> {
        async {
            let delay = {
                let mut state = self.state();
                state.attempts += 1;
                state.write_delay
            };
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let mut state = self.state();
            if state.writes_fail {
                return Err(WriteError::all(events.len(), error()));
            }
            let (mut failed, mut rejected) = (Vec::new(), Vec::new());
            let too_large = state.largest_batch.is_some_and(|largest| events.len() > largest);
            for (index, event) in events.iter().enumerate() {
                let count = event.press.event.count;
                if too_large || state.rejected.contains(&count) {
                    rejected.push(index);
                } else if state.fails_once.remove(&count) {
                    failed.push(index);
                } else {
                    state.written.push(count);
                }
            }
            match failed.is_empty() && rejected.is_empty() {
                true => Ok(()),
                false => Err(WriteError { failed, rejected, error: error() }),
            }
        }
        .boxed()
    }
}

/// A real store whose rows cannot be marked, on demand.
#[derive(Clone)]
pub(crate) struct StoreDouble {
    path: PathBuf,
    store: Store,
    marks_fail: Arc<AtomicBool>,
}

impl StoreDouble {
    pub(crate) fn open(path: &Path) -> Self {
        let store = Store::open(path).unwrap();
        Self { path: path.to_owned(), store, marks_fail: Arc::default() }
    }

    pub(crate) fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.store.clone())
    }

    pub(crate) fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(self.clone())
    }

    pub(crate) fn fail_marks(&self, fail: bool) {
        self.marks_fail.store(fail, Relaxed);
    }

    pub(crate) async fn insert(&self, events: Vec<Received>) {
        self.store.write(&events).await.unwrap();
    }

    /// Adds rows that no relay would write.
    pub(crate) fn insert_unreadable(&self, rows: usize) {
        let connection = rusqlite::Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        let numbers =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
        let insert = "INSERT INTO button_presses (session_id, timestamp, action, count, \
                      country_name, country_code, received_at) \
                      SELECT 'nobody', 1, 'Dance', i, 'Unknown', '--', 2 FROM n";
        connection.execute(&format!("{numbers} {insert}"), [rows as i64]).unwrap();
    }

    /// How many readable rows are not marked as delivered.
    pub(crate) async fn undelivered(&self) -> usize {
        self.store.undelivered(0, 100_000).await.unwrap().events.len()
    }
}

impl Queue for StoreDouble {
    fn undelivered(
        &self,
        after: RowId,
        limit: usize,
    ) -> BoxFuture<'_, Result<Undelivered, StoreError>> {
        self.store.undelivered(after, limit).boxed()
    }

    fn mark_delivered(&self, rows: Vec<RowId>) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.marks_fail.load(Relaxed) {
            return std::future::ready(Err(StoreError::DiskFull { bytes: 0 })).boxed();
        }
        Queue::mark_delivered(&self.store, rows)
    }
}
