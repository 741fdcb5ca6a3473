//! Sources of the live numbers: the topic when Kafka is configured, so that several relays agree; the store
//! when not. Both from the beginning.

use crate::Source;
use anyhow::Error;
use event_store::{RowId, Store};
use kafka_client::EventReader;
use schemas::{Received, stats::Progress};
use std::{
    thread,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Rows that are read at once.
const BATCH: usize = 5000;

/// Shortest interval between two reads of the store: commits can follow each other more quickly than anything
/// is shown.
const MIN_READ_INTERVAL: Duration = Duration::from_millis(10);

/// Log interval for a topic that cannot be read: the Kafka connection state has the reason.
const LOG_INTERVAL: Duration = Duration::from_secs(300);

/// Delay after a failed read.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// The topic's events.
pub struct TopicSource {
    reader: EventReader,
    logged: Option<Instant>,
}

/// The store's events.
pub struct StoreSource {
    store: Store,
    last: RowId,
    progress: Progress,
    caught_up: bool,
    /// Whether the last read went to the end, and how often something had been committed before it.
    at_end: bool,
    commits: u64,
}

impl TopicSource {
    /// Nothing is read yet.
    pub fn new(reader: EventReader) -> Self {
        Self { reader, logged: None }
    }
}

impl Source for TopicSource {
    fn read(
        &mut self,
        timeout: Duration,
        shutdown: &CancellationToken,
        take: &mut dyn FnMut(Option<Received>),
    ) {
        if let Err(error) = self.reader.read(timeout, shutdown, take) {
            if self.logged.is_none_or(|last| last.elapsed() > LOG_INTERVAL) {
                self.logged = Some(Instant::now());
                let error = Error::from(error);
                tracing::warn!("the live numbers wait for the topic: {error:#}");
            }
            thread::sleep(RETRY_DELAY);
        }
    }

    fn progress(&self) -> Option<Progress> {
        self.reader.progress().map(|(done, of)| Progress { done, of })
    }
}

impl StoreSource {
    /// Nothing is read yet.
    pub fn new(store: Store) -> Self {
        let progress = Progress { done: 0, of: 0 };
        Self { store, last: 0, progress, caught_up: false, at_end: false, commits: 0 }
    }
}

impl Source for StoreSource {
    fn read(
        &mut self,
        timeout: Duration,
        _: &CancellationToken,
        take: &mut dyn FnMut(Option<Received>),
    ) {
        if self.at_end {
            thread::sleep(MIN_READ_INTERVAL.min(timeout));
            let commits = self.store.blocking_wait_for_commit(self.commits, timeout);
            if commits == self.commits {
                return;
            }
            (self.commits, self.at_end) = (commits, false);
        }
        let rows = match self.store.blocking_rows_after(self.last, BATCH) {
            Ok(rows) => rows,
            Err(error) => {
                let error = Error::from(error);
                tracing::warn!("the live numbers wait for the store: {error:#}");
                thread::sleep(RETRY_DELAY);
                return;
            }
        };
        if !self.caught_up {
            self.progress.of = self.progress.of.max(rows.last_row.unsigned_abs());
        }
        self.at_end = rows.read_up_to >= rows.last_row;
        self.last = rows.read_up_to.max(self.last);
        self.progress.done = self.last.unsigned_abs();
        rows.events.into_iter().for_each(|event| take(Some(event)));
        self.caught_up |= self.at_end;
    }

    fn progress(&self) -> Option<Progress> {
        (!self.caught_up).then_some(self.progress)
    }
}
