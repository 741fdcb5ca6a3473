//! Where the events come from: the topic when Kafka is configured, so that several relays agree; the
//! store when not. Both from the beginning.

use super::{
    decode::{Decoded, Decoder},
    stats::Progress,
};
use crate::{
    error_chain::error_chain,
    store::{Received, RowId, Store},
};
use kafka_client::{Kafka, Reader, Registry};
use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Rows that are read at one go.
const BATCH: usize = 5000;

/// How long the store rests at least between two looks: commits can follow each other more quickly than
/// anybody looks.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(10);

/// A topic that cannot be read is told of this often: Kafka's own state says more.
const COMPLAIN_EVERY: Duration = Duration::from_secs(300);

/// How long a source rests that cannot be read.
const REST: Duration = Duration::from_millis(500);

/// Gives events in its own order, on a thread of its own: it may block.
pub enum Source {
    /// The topic.
    Topic(Box<Topic>),
    /// The store.
    Store(Rows),
}

/// The topic, from its beginning.
pub struct Topic {
    reader: Reader,
    decoder: Decoder,
    complained: Option<Instant>,
}

/// The store's rows, from the first on.
pub struct Rows {
    store: Store,
    last: RowId,
    progress: Progress,
    caught_up: bool,
    /// Whether the last look went to the end, and how often something had been committed before it.
    at_end: bool,
    commits: u64,
}

/// What a source gives: an event, or nothing in the place of something that is none.
pub(super) type Item = Option<Received>;

impl Source {
    /// The topic's events.
    pub fn topic(kafka: Arc<Kafka>, registry: Registry, runtime: Handle) -> Self {
        let decoder = Decoder::new(registry, runtime);
        Self::Topic(Box::new(Topic { reader: Reader::new(kafka), decoder, complained: None }))
    }

    /// The store's events.
    pub fn store(store: Store) -> Self {
        let progress = Progress { done: 0, of: 0 };
        Self::Store(Rows { store, last: 0, progress, caught_up: false, at_end: false, commits: 0 })
    }

    /// Gives what has come, after `patience` at the latest.
    pub(super) fn read(
        &mut self,
        patience: Duration,
        shutdown: &CancellationToken,
        take: &mut dyn FnMut(Item),
    ) {
        match self {
            Self::Topic(topic) => topic.read(patience, shutdown, take),
            Self::Store(rows) => rows.read(patience, take),
        }
    }

    /// How far the events have been read that were there at the start; `None` when all have been.
    pub(super) fn progress(&self) -> Option<Progress> {
        match self {
            Self::Topic(topic) => topic.reader.progress().map(|(done, of)| Progress { done, of }),
            Self::Store(rows) => (!rows.caught_up).then_some(rows.progress),
        }
    }
}

impl Topic {
    fn read(
        &mut self,
        patience: Duration,
        shutdown: &CancellationToken,
        take: &mut dyn FnMut(Item),
    ) {
        let Self { reader, decoder, complained } = self;
        let mut take = |decoded| match decoded {
            Decoded::Event(event) => take(Some(event)),
            Decoded::NotAnEvent => take(None),
            Decoded::Waiting => {}
        };
        let outcome = reader.read(patience, |value, received_at| {
            take(decoder.decode(value, received_at, shutdown));
        });
        decoder.retry(shutdown, take);
        if let Err(error) = outcome {
            if complained.is_none_or(|last| last.elapsed() > COMPLAIN_EVERY) {
                *complained = Some(Instant::now());
                let error = error_chain(&error);
                tracing::warn!("the live numbers wait for the topic: {error}");
            }
            thread::sleep(REST);
        }
    }
}

impl Rows {
    fn read(&mut self, patience: Duration, take: &mut dyn FnMut(Item)) {
        if self.at_end {
            thread::sleep(LOOK_AT_MOST_EVERY.min(patience));
            let commits = self.store.wait_for_commit(self.commits, patience);
            if commits == self.commits {
                return;
            }
            (self.commits, self.at_end) = (commits, false);
        }
        let rows = match self.store.blocking_since(self.last, BATCH) {
            Ok(rows) => rows,
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!("the live numbers wait for the store: {error}");
                thread::sleep(REST);
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
}
