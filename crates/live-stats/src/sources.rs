//! Sources of the live numbers: the topic if Kafka is configured, so that several relays show the same
//! numbers, otherwise the store. Both are read from the beginning.

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

/// Rows of one read.
const BATCH_ROWS: usize = 5000;

/// Delay before a read of new rows: under load many commits are read at once.
const MIN_READ_INTERVAL: Duration = Duration::from_millis(10);

/// Log interval for a topic that cannot be read: the Kafka connection state has the reason.
const LOG_INTERVAL: Duration = Duration::from_secs(300);

/// Delay after a failed read.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Reads the topic's events.
pub struct TopicSource {
    reader: EventReader,
    logged: Option<Instant>,
}

/// Reads the store's events.
pub struct StoreSource {
    store: Store,
    /// The last row that was read.
    position: RowId,
    progress: Progress,
    /// Whether all rows of the start are read.
    caught_up: bool,
    /// Whether the last read reached the last row.
    at_end: bool,
    /// The store's number of commits before that read.
    commits: u64,
}

impl TopicSource {
    /// A source at the beginning of the topic.
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
    /// A source at the beginning of the store.
    pub fn new(store: Store) -> Self {
        let progress = Progress { done: 0, of: 0 };
        Self { store, position: 0, progress, caught_up: false, at_end: false, commits: 0 }
    }
}

impl Source for StoreSource {
    fn read(
        &mut self,
        timeout: Duration,
        _: &CancellationToken,
        on_event: &mut dyn FnMut(Option<Received>),
    ) {
        if self.at_end {
            thread::sleep(MIN_READ_INTERVAL.min(timeout));
            let commits = self.store.blocking_wait_for_commit(self.commits, timeout);
            if commits == self.commits {
                return;
            }
            (self.commits, self.at_end) = (commits, false);
        }
        let rows = match self.store.blocking_rows_after(self.position, BATCH_ROWS) {
            Ok(rows) => rows,
            Err(error) => {
                let error = Error::from(error);
                tracing::warn!("cannot read the store for the live numbers, retrying: {error:#}");
                thread::sleep(RETRY_DELAY);
                return;
            }
        };
        if !self.caught_up {
            self.progress.of = self.progress.of.max(rows.last_row.unsigned_abs());
        }
        self.at_end = rows.read_up_to >= rows.last_row;
        self.position = rows.read_up_to.max(self.position);
        self.progress.done = self.position.unsigned_abs();
        rows.events.into_iter().for_each(|event| on_event(Some(event)));
        self.caught_up |= self.at_end;
    }

    fn progress(&self) -> Option<Progress> {
        (!self.caught_up).then_some(self.progress)
    }
}
