//! The SQLite store: the destination without Kafka, and the outbox in front of it with Kafka.
//!
//! One thread owns the connection and takes commands from a bounded queue, so that no request
//! ever waits for a lock. Inserts that wait together are committed together: one fsync then makes
//! many requests durable.

mod columns;
mod commits;
mod file;
mod rows;
mod status;
mod thread;

use schemas::{Received, Timestamp};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};
use tokio::sync::oneshot;

/// Commands that may wait. Each holds at most one request's events, so this bounds the memory.
const QUEUE: usize = 1024;

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

/// Events that are not marked as delivered, in the order of arrival.
#[derive(Debug, Default, PartialEq)]
pub struct Undelivered {
    /// The events with their rows. Rows that hold no event are left out.
    pub events: Vec<(RowId, Received)>,
    /// The last row that was read, whether it holds an event or not.
    pub read_up_to: RowId,
    /// Whether there is nothing behind it.
    pub is_last: bool,
    /// Rows that hold no event.
    pub unreadable: usize,
}

/// Why the store did not execute a command.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened as a store.
    #[error("the store {path} cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of SQLite or the system.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The file system lacks what SQLite's write-ahead log needs (<https://sqlite.org/wal.html>).
    #[error(
        "the store {path} is on a file system that SQLite's write-ahead log cannot use, as network and some FUSE mounts are: name a file on a local disk with --store"
    )]
    FileSystem {
        /// The file.
        path: PathBuf,
        /// The error of SQLite, if there is one.
        source: Option<Arc<rusqlite::Error>>,
    },
    /// Too many commands wait already: the disk does not keep up.
    #[error("the store's queue is full")]
    Busy,
    /// SQLite refused, for instance because the disk is full.
    #[error("the store cannot be written or read: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    /// The file was removed, moved or replaced while it was in use.
    #[error(
        "the store's file {path} was removed or replaced while it was in use: restart the relay, which makes it again"
    )]
    Removed {
        /// The file that is not the open one any more.
        path: PathBuf,
    },
    /// The disk does not answer.
    #[error("the disk of the store has not answered for {} s", .0.as_secs())]
    Stalled(Duration),
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

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// A handle to the store; cheap to clone. The store is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    commands: SyncSender<thread::Command>,
    commits: commits::Commits,
    status: Arc<status::Status>,
}

/// Reads every event of the store at `path` in the order of arrival, without writing to it; a relay may
/// be at work on it. Gives how many rows hold no event.
pub fn read(path: &Path, take: impl FnMut(Received)) -> Result<u64, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) };
    let connection = rows::connect_to_read(path).map_err(open)?;
    Ok(rows::for_each(&connection, take)?)
}

/// What a command answers with.
type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

impl Store {
    /// Opens or makes the store, with the folders that lead to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (commands, queue) = std::sync::mpsc::sync_channel(QUEUE);
        let open = |source: std::io::Error| StoreError::Open {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(open)?;
        }
        let connection = rows::connect(path)?;
        let commits = commits::Commits::default();
        let status = Arc::new(status::Status::default());
        status.set_undelivered(rows::undelivered_count(&connection)?);
        let file = file::OpenFile::of(path);
        let worker = thread::Worker::new(connection, file, commits.clone(), Arc::clone(&status));
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(open)?;
        Ok(Self { commands, commits, status })
    }

    /// Checks whether a store could be opened at `path`, and leaves nothing behind.
    ///
    /// # Errors
    /// The error that [`Store::open`] would have.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        let open = |source: std::io::Error| StoreError::Open {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        if path.exists() {
            let connection = rows::connect_to_read(path).map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source: Arc::new(source),
            })?;
            rows::schema_version(&connection).map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source: Arc::new(source),
            })?;
        }
        let exists = |folder: &&Path| folder.as_os_str().is_empty() || folder.exists();
        let folder = path.ancestors().skip(1).find(exists).unwrap_or(Path::new("."));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let probe = folder.join(format!(".button_presses-check-{}.sqlite", std::process::id()));
        // Not by a connection first: SQLite does not say why it cannot make a file.
        std::fs::File::create_new(&probe).map_err(open)?;
        let checked = rows::connect(&probe).map(drop);
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", probe.display()));
        }
        checked.map_err(|error| match error {
            StoreError::Open { source, .. } => StoreError::Open { path: path.to_owned(), source },
            StoreError::FileSystem { source, .. } => {
                StoreError::FileSystem { path: path.to_owned(), source }
            }
            error => error,
        })
    }

    /// Keeps the events; they are durable when this returns. An event that is there already stays
    /// as it is.
    pub async fn insert(&self, events: Vec<Received>) -> Result<(), StoreError> {
        self.ask(|answer| thread::Command::Insert { events, answer }).await
    }

    /// Reads up to `limit` rows behind the row `after` that are not marked as delivered.
    pub async fn undelivered(&self, after: RowId, limit: usize) -> Result<Undelivered, StoreError> {
        self.ask(|answer| thread::Command::Undelivered { after, limit, answer }).await
    }

    /// The events after this row, delivered or not, in the order of arrival; `limit` at most. Blocks.
    pub fn blocking_since(&self, row: RowId, limit: usize) -> Result<Rows, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(thread::Command::Since { row, limit, answer })?;
        answered.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Blocks until events were committed more often than `known`, or until the timeout, and
    /// gives how often that was.
    pub fn wait_for_commit(&self, known: u64, timeout: Duration) -> u64 {
        self.commits.wait_for_more(known, timeout)
    }

    /// How many events are not marked as delivered. Reads nothing.
    pub fn undelivered_count(&self) -> u64 {
        self.status.undelivered()
    }

    /// Why nothing can be written now, as far as the store's thread has found out. Writes nothing.
    pub fn problem(&self) -> Option<Arc<StoreError>> {
        self.status.problem()
    }

    /// Notes that Kafka has these.
    pub async fn mark_delivered(&self, rows: Vec<RowId>, at: Timestamp) -> Result<(), StoreError> {
        self.ask(|answer| thread::Command::MarkDelivered { rows, at, answer }).await
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
    use schemas::{Action, ButtonPress, Event, Place, Uuid};

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

        let undelivered = store.undelivered(0, 10).await.unwrap();
        assert!(undelivered.is_last);
        let rows = undelivered.events;
        let found: Vec<Received> = rows.iter().map(|(_, event)| event.clone()).collect();
        assert_eq!(found, [events, vec![received(2, 5)]].concat());
        let two = store.undelivered(0, 2).await.unwrap();
        assert_eq!((&two.events[..], two.is_last), (&rows[..2], false));
        let others = store.undelivered(two.read_up_to, 2).await.unwrap();
        assert_eq!(others.events, rows[2..]);

        let first = rows[..3].iter().map(|(row, _)| *row).collect();
        store.mark_delivered(first, received(0, 0).received_at).await.unwrap();
        assert_eq!(store.undelivered(0, 10).await.unwrap().events, rows[3..]);
        assert_eq!(store.undelivered_count(), 1);
        assert!(store.problem().is_none());
    }

    /// What is acknowledged must not be in a file that is gone.
    #[tokio::test]
    async fn insert_into_removed_store_fails() {
        for removed in ["store.sqlite", "store.sqlite-wal"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.sqlite");
            let store = Store::open(&path).unwrap();
            store.insert(vec![received(9, 0)]).await.unwrap();
            std::fs::remove_file(folder.path().join(removed)).unwrap();
            let error = store.insert(vec![received(9, 1)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Removed { .. }), "{error}");
            assert!(matches!(*store.problem().unwrap(), StoreError::Removed { .. }));
            // What it holds can still be delivered.
            assert!(!store.undelivered(0, 10).await.unwrap().events.is_empty());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Store::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let again = Store::open(&path).unwrap();
        again.insert(vec![received(9, 1)]).await.unwrap();
    }

    #[tokio::test]
    async fn removal_is_noticed_without_an_insert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path).unwrap();
        assert!(store.problem().is_none());
        std::fs::rename(&path, folder.path().join("moved.sqlite")).unwrap();
        while store.problem().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[test]
    fn check_finds_what_open_would_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/store.sqlite");
        Store::check(&path).unwrap();
        let letter = folder.path().join("letter.txt");
        std::fs::write(&letter, "Dear database, this is a letter and not one of your files.")
            .unwrap();
        let error = format!("{:#}", anyhow::Error::from(Store::check(&letter).unwrap_err()));
        assert!(error.contains("not a database"), "{error}");
        assert!(Store::check(&letter.join("store.sqlite")).is_err(), "a file is no folder");
        let found = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(found, 1, "only the letter is there");
    }

    #[tokio::test]
    async fn a_file_that_is_no_store_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        std::fs::write(&path, "Dear database, this is a letter and not one of your files.")
            .unwrap();
        let error = format!("{:#}", anyhow::Error::from(Store::open(&path).err().unwrap()));
        assert!(error.contains("letter.txt") && error.contains("not a database"), "{error}");
    }
}
