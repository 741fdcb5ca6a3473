//! Sources of the live numbers: the topic if Kafka is configured, so that several relays show the same
//! numbers, otherwise the store. Both are read from the beginning. What waits in the store for Kafka is read from
//! there; when it comes in the topic, it is a repeat.

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

/// Reads the topic's events, and those that wait for Kafka in the store.
pub struct TopicSource {
    reader: EventReader,
    logged: Option<Instant>,
    waiting: WaitingEvents,
}

/// Reads the events that wait for Kafka in the store.
struct WaitingEvents {
    store: Store,
    /// The last row that was read.
    position: RowId,
    /// The store's number of commits before the last read that reached its end.
    commits: Option<u64>,
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
    /// A source at the beginning of the topic and of the store.
    pub fn new(reader: EventReader, store: Store) -> Self {
        let waiting = WaitingEvents { store, position: 0, commits: None };
        Self { reader, logged: None, waiting }
    }
}

impl WaitingEvents {
    /// Passes on some of those that are not read yet.
    fn read(&mut self, on_event: &mut dyn FnMut(Option<Received>)) {
        let commits = self.store.commits();
        if self.commits == Some(commits) {
            return;
        }
        match self.store.blocking_undelivered(self.position, BATCH_ROWS) {
            Ok(rows) => {
                self.position = rows.read_up_to;
                self.commits = rows.is_last.then_some(commits);
                rows.events.into_iter().for_each(|(_, event)| on_event(Some(event)));
            }
            // The store's state has the reason. What is in it comes in the topic.
            Err(error) => tracing::debug!("cannot read the store for the live numbers: {error}"),
        }
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
        self.waiting.read(take);
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
