//! The SQLite store: the destination without Kafka, and the outbox in front of it with Kafka.
//!
//! One thread owns the connection and takes commands from a bounded queue, so that no request
//! ever waits for a lock. Inserts that wait together are committed together: one fsync then makes
//! many requests durable.

mod columns;
mod commits;
mod rows;
mod space;
mod thread;

use schemas::{ButtonPress, Timestamp};
use std::{
    path::{Path, PathBuf},
    sync::mpsc::{SyncSender, TrySendError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Commands that may wait. Each holds at most one request's events, so this bounds the memory.
const QUEUE: usize = 1024;

/// An event as the relay took it in.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The whole record.
    pub press: ButtonPress,
    /// When it arrived, by the relay's clock.
    pub received_at: Timestamp,
}

/// Names a row of the store.
pub type RowId = i64;

/// Rows as they follow each other in the store.
#[derive(Debug)]
pub struct Rows {
    /// What is in them.
    pub events: Vec<Received>,
    /// The last row that was read.
    pub read_up_to: RowId,
    /// The last row that there is.
    pub last_row: RowId,
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened as a store.
    #[error("the store {path} cannot be opened: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Too many commands wait already: the disk does not keep up.
    #[error("the store's queue is full")]
    Busy,
    /// SQLite refused, for instance because the disk is full.
    #[error("the store cannot be written or read: {0}")]
    Sqlite(String),
    /// Commits may fail, or do already.
    #[error("the disk of the store is full ({} kB are left): free some space", .bytes / 1000)]
    DiskFull {
        /// What is left for the relay.
        bytes: u64,
    },
    /// The store's thread has ended.
    #[error("the store is closed")]
    Closed,
}

/// A handle to the store; cheap to clone. The store is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    commands: SyncSender<thread::Command>,
    commits: commits::Commits,
}

/// Reads every event of the store at `path` in the order of arrival, without writing to it; a relay may
/// be at work on it. Gives how many rows hold no event.
pub fn read(path: &Path, take: impl FnMut(Received)) -> Result<u64, StoreError> {
    let open =
        |source: rusqlite::Error| StoreError::Open { path: path.to_owned(), source: source.into() };
    let connection = rows::connect_to_read(path).map_err(open)?;
    rows::for_each(&connection, take).map_err(|error| StoreError::Sqlite(error.to_string()))
}

/// What a command answers with.
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

impl Store {
    /// Opens or makes the store, with the folders that lead to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (commands, queue) = std::sync::mpsc::sync_channel(QUEUE);
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| open(error.into()))?;
        }
        let connection = rows::connect(path).map_err(|error| open(error.into()))?;
        let commits = commits::Commits::default();
        let committed = commits.clone();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || thread::run(connection, &queue, &committed))
            .map_err(|error| open(error.into()))?;
        Ok(Self { commands, commits })
    }

    /// Keeps the events; they are durable when this returns. An event that is there already stays
    /// as it is.
    pub async fn insert(&self, events: Vec<Received>) -> Result<(), StoreError> {
        self.ask(|answer| thread::Command::Insert { events, answer }).await
    }

    /// The oldest events that are not in Kafka, in the order of arrival; `limit` at most.
    pub async fn undelivered(&self, limit: usize) -> Result<Vec<(RowId, Received)>, StoreError> {
        self.ask(|answer| thread::Command::Undelivered { limit, answer }).await
    }

    /// The events after this row, delivered or not, in the order of arrival; `limit` at most. Blocks.
    pub fn blocking_since(&self, row: RowId, limit: usize) -> Result<Rows, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(thread::Command::Since { row, limit, answer })?;
        answered.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Blocks until events were committed more often than `known`, for `patience` at the longest, and
    /// gives how often that was.
    pub fn wait_for_commit(&self, known: u64, patience: Duration) -> u64 {
        self.commits.wait_for_more(known, patience)
    }

    /// How many events are not in Kafka.
    pub async fn undelivered_count(&self) -> Result<u64, StoreError> {
        self.ask(|answer| thread::Command::UndeliveredCount { answer }).await
    }

    /// Notes that Kafka has these.
    pub async fn mark_delivered(&self, rows: Vec<RowId>, at: Timestamp) -> Result<(), StoreError> {
        self.ask(|answer| thread::Command::MarkDelivered { rows, at, answer }).await
    }

    /// Whether something can be written now.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        self.ask(|answer| thread::Command::CheckWritable { answer }).await
    }

    fn send(&self, command: thread::Command) -> Result<(), StoreError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(Answer<T>) -> thread::Command,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer))?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{Action, Event, Place, Uuid};

    fn received(session: u128, count: u64) -> Received {
        let timestamp = Timestamp::from_micros(1_700_000_000_000_001).unwrap();
        Received {
            press: ButtonPress {
                session_id: Uuid::from_u128(session),
                event: Event { timestamp, action: Action::PressButton, count },
                place: Place { latitude: Some(31.2), ..Place::unknown() }.into(),
                cohort: Some(-3),
            },
            received_at: Timestamp::from_micros(1_700_000_000_500_000).unwrap(),
        }
    }

    #[tokio::test]
    async fn events_come_back_as_they_were_in_the_order_of_arrival() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a/b/store.sqlite")).unwrap();
        let events = vec![received(9, 0), received(9, 1), received(1, 0)];
        store.insert(events.clone()).await.unwrap();
        // A repeat, in the same and in another transaction, changes nothing.
        store.insert(vec![received(9, 1), received(2, 5), received(2, 5)]).await.unwrap();

        let rows = store.undelivered(10).await.unwrap();
        let found: Vec<Received> = rows.iter().map(|(_, event)| event.clone()).collect();
        assert_eq!(found, [events, vec![received(2, 5)]].concat());
        assert_eq!(store.undelivered(2).await.unwrap(), rows[..2]);

        let first = rows[..3].iter().map(|(row, _)| *row).collect();
        store.mark_delivered(first, received(0, 0).received_at).await.unwrap();
        assert_eq!(store.undelivered(10).await.unwrap(), rows[3..]);
        assert_eq!(store.undelivered_count().await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_file_that_is_no_store_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, "Dear database, this is a letter and not one of your files.")
            .unwrap();
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.contains("letter.txt") && error.contains("not a database"), "{error}");
    }
}
