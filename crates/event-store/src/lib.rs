//! Event store: SQLite with group commit. Destination of events without Kafka, outbox with Kafka.
//!
//! ```text
//!  Store ── commands, bounded queue ──► Worker, one thread ──► rows ──► SQLite
//!    ▲ └─── replies, oneshot ◄───────────┘ │
//!    └───── Status ◄───────────────────────┘
//! ```
//!
//! One thread owns the connection, so no request waits for a lock. It commits queued inserts together:
//! one fsync makes the events of many requests durable.
//!
//! Files in the order of a command: this one, the handle; `worker` executes, `rows` has the queries, and
//! `status` what health checks read. `connection` opens the database, `file` checks that it is still there, and
//! `retention` deletes what Kafka has had for long, or what is old. `forget` deletes a session, from another process.

mod connection;
mod file;
mod forget;
mod options;
mod retention;
mod rows;
mod status;
mod worker;

use file::OpenFile;
pub use forget::{StoredSession, forget, sessions};
pub use options::{Limits, StoreOptions};
use retention::Retention;
use schemas::{Received, RecordMetadata, Timestamp, Uuid};
use status::Status;
use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};
use tokio::sync::oneshot;
use worker::{Command, Worker};

/// Commands in the queue. Each holds the events of at most one request, so this bounds the memory.
const QUEUE_CAPACITY: usize = 1024;

/// SQLite's id of a row, ascending in the order of arrival.
pub type RowId = i64;

/// Consecutive events of the store, delivered or not.
#[derive(Debug)]
pub struct Rows {
    /// The events. Unreadable rows are left out.
    pub events: Vec<Received>,
    /// The last row that was read.
    pub read_up_to: RowId,
    /// The last row of the store.
    pub last_row: RowId,
}

/// Events that are not marked as delivered, in the order of arrival.
#[derive(Debug, Default, PartialEq)]
pub struct Undelivered {
    /// The events with their rows. Unreadable rows are left out.
    pub events: Vec<(RowId, Received)>,
    /// The last row that was read, unreadable ones included.
    pub read_up_to: RowId,
    /// Whether no undelivered row follows.
    pub is_last: bool,
    /// Number of rows that hold no valid event.
    pub unreadable: usize,
}

/// An event that is in Kafka.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delivered {
    /// Its row.
    pub row: RowId,
    /// Where it is, if Kafka returned it.
    pub record: Option<RecordMetadata>,
}

/// Why the store did not execute a command.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened as a store.
    #[error("cannot open the store {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of SQLite or the system.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The file system lacks what SQLite's write-ahead log needs (<https://sqlite.org/wal.html>).
    #[error(
        "the store {path} is on a file system that does not support SQLite's write-ahead log, such as a network or FUSE mount: name a file on a local disk with --store"
    )]
    FileSystem {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        source: Arc<rusqlite::Error>,
    },
    /// The queue is full: the disk does not keep up.
    #[error("the store's queue is full")]
    Busy,
    /// SQLite returned an error, for example because the disk is full.
    #[error("cannot write or read the store")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// The file was removed, moved or replaced while it was open.
    #[error(
        "the store's file {path} was removed or replaced while it was open: restart the relay to create it again"
    )]
    Removed {
        /// The path that no longer leads to the open file.
        path: PathBuf,
    },
    /// A command takes longer than its timeout.
    #[error("the store's disk has not responded for {} s", .0.as_secs())]
    Stalled(Duration),
    /// The store is as large as it may become.
    #[error(
        "the store holds {} MB, which is its limit: bring Kafka back so that it can be emptied, or raise --max-store-bytes", .max_bytes / 1_000_000
    )]
    Full {
        /// The limit.
        max_bytes: u64,
    },
    /// Too little space for a commit.
    #[error("the store's disk is full ({} kB left): free some space", .bytes / 1000)]
    DiskFull {
        /// Free space for the process.
        bytes: u64,
    },
    /// The worker has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Open { path: path.to_owned(), source: Arc::new(error) }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// Passes every event of the store at `path` to `on_event`, in the order of arrival. Returns the number of
/// unreadable rows. Writes nothing; a relay may use the store at the same time.
///
/// # Errors
/// If the store cannot be opened or read.
pub fn read(path: &Path, on_event: impl FnMut(Received)) -> Result<u64, StoreError> {
    let connection =
        connection::open_read_only(path).map_err(|error| connection::open_error(path, error))?;
    Ok(rows::for_each(&connection, on_event)?)
}

/// A handle to the store; cheap to clone. The store is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    commands: SyncSender<Command>,
    status: Arc<Status>,
}

/// Sender of the reply to a command.
type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Store {
    /// Opens or creates the store, with missing parent folders. Other users of the machine cannot read a new one.
    ///
    /// # Errors
    /// [`StoreError::Open`] or [`StoreError::FileSystem`], and [`StoreError::Sqlite`] if it cannot be read.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            file::create_private_folder(folder).map_err(|error| StoreError::io(path, error))?;
        }
        file::create_private(path).map_err(|error| StoreError::io(path, error))?;
        let connection =
            connection::open(path).map_err(|error| connection::open_error(path, error))?;
        let file = OpenFile::new(path);
        let max_bytes = limits.max_store_bytes.unwrap_or_else(|| file.half_of_disk());
        let status = Arc::new(Status::default());
        status.set_undelivered(rows::undelivered_count(&connection)?);
        let retention = Retention::new(limits);
        let worker = Worker::new(connection, file, retention, max_bytes, Arc::clone(&status));
        let (commands, queue) = sync_channel(QUEUE_CAPACITY);
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || worker.run(&queue))
            .map_err(|error| StoreError::io(path, error))?;
        Ok(Self { commands, status })
    }

    /// Checks whether [`Store::open`] would succeed, and leaves no file behind.
    ///
    /// # Errors
    /// The error of [`Store::open`].
    pub fn check(path: &Path) -> Result<(), StoreError> {
        let open_error = |error| connection::open_error(path, error);
        if path.exists() {
            connection::open_read_only(path).map_err(open_error)?;
        }
        // The nearest existing folder, in which `open` would create the others.
        let folder = path.ancestors().skip(1).find(|folder| folder.exists());
        let folder = folder.unwrap_or(Path::new("."));
        let probe = folder.join(format!(".button_presses-check-{}", process::id()));
        // SQLite's own error has no reason, such as missing permission.
        fs::create_dir(&probe).map_err(|error| StoreError::io(path, error))?;
        let checked = connection::open(&probe.join("store.sqlite")).map(drop);
        let _ = fs::remove_dir_all(&probe);
        checked.map_err(open_error)
    }

    /// Inserts the events; they are durable when this returns. An event that is stored already stays
    /// unchanged.
    ///
    /// # Errors
    /// If the events are not known to be durable.
    pub async fn insert(&self, events: Vec<Received>) -> Result<(), StoreError> {
        self.execute(|reply| Command::Insert { events, reply }).await
    }

    /// Reads up to `limit` rows after the row `after` that are not marked as delivered.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn undelivered(&self, after: RowId, limit: usize) -> Result<Undelivered, StoreError> {
        self.execute(|reply| Command::Undelivered { after, limit, reply }).await
    }

    /// Marks rows as delivered to Kafka.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn mark_delivered(
        &self,
        rows: Vec<Delivered>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(|reply| Command::MarkDelivered { rows, at, reply }).await
    }

    /// Returns where those of these events of a session are in Kafka that were in the store and have left it, as far as
    /// that is known.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn records(
        &self,
        session: Uuid,
        counts: Vec<u64>,
    ) -> Result<Vec<(u64, RecordMetadata)>, StoreError> {
        self.execute(|reply| Command::Records { session, counts, reply }).await
    }

    /// Reads up to `limit` rows after this one, delivered or not. Blocks the thread.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn blocking_rows_after(&self, row: RowId, limit: usize) -> Result<Rows, StoreError> {
        let (reply, receiver) = oneshot::channel();
        self.send(Command::RowsAfter { row, limit, reply })?;
        receiver.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// As [`Store::undelivered`]. Blocks the thread.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn blocking_undelivered(
        &self,
        after: RowId,
        limit: usize,
    ) -> Result<Undelivered, StoreError> {
        let (reply, receiver) = oneshot::channel();
        self.send(Command::Undelivered { after, limit, reply })?;
        receiver.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// The number of commits since the start, without disk access.
    pub fn commits(&self) -> u64 {
        self.status.commits()
    }

    /// Blocks the thread until there were more than `commits` since the start, or until the timeout.
    /// Returns the number of commits.
    pub fn blocking_wait_for_commit(&self, commits: u64, timeout: Duration) -> u64 {
        self.status.wait_for_commit(commits, timeout)
    }

    /// The number of events that are not marked as delivered, without disk access.
    pub fn undelivered_count(&self) -> u64 {
        self.status.undelivered()
    }

    /// Why nothing can be written, as of the worker's last command or check; without disk access.
    pub fn problem(&self) -> Option<Arc<StoreError>> {
        self.status.problem()
    }

    fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Disconnected(_) => StoreError::Closed,
        })
    }

    async fn execute<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let (reply, receiver) = oneshot::channel();
        self.send(command(reply))?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{Action, ButtonPress, Event, Place};
    use std::time::{SystemTime, UNIX_EPOCH};

    pub(crate) fn received(session: u128, count: u64) -> Received {
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
    async fn undelivered_returns_inserted_events_in_order_of_arrival() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&folder.path().join("a/b/store.sqlite"), Limits::default()).unwrap();
        let events = vec![received(9, 0), received(9, 1), received(1, 0)];
        store.insert(events.clone()).await.unwrap();
        // Duplicates, in the same and in another transaction, change nothing.
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

        let record = RecordMetadata { partition: 2, offset: 1834, schema_id: 7, bytes: 87 };
        let first = (0..).zip(&rows[..3]).map(|(offset, (row, _))| Delivered {
            row: *row,
            record: (offset > 0).then(|| RecordMetadata { offset: 1834 + offset, ..record }),
        });
        store.mark_delivered(first.collect(), received(0, 0).received_at).await.unwrap();
        // The first is in a place that Kafka did not tell, the last but one waits, the last is unknown.
        let records = store.records(Uuid::from_u128(9), vec![1, 0, 5]).await.unwrap();
        let metadata = RecordMetadata { offset: 1835, ..record };
        assert_eq!(records, [(1, metadata)]);
        assert_eq!(store.records(Uuid::from_u128(2), vec![5]).await.unwrap(), []);
        assert_eq!(store.undelivered(0, 10).await.unwrap().events, rows[3..]);
        assert_eq!(store.undelivered_count(), 1);
        assert!(store.problem().is_none());
    }

    #[tokio::test]
    async fn second_event_of_same_name_does_not_displace_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let first = received(9, 0);
        let mut second = first.clone();
        second.press.event.action = Action::ExitPage;
        second.press.place = Place::localhost().into();
        second.received_at = Timestamp::EPOCH;
        // In one transaction, in the next, after the delivery, and in a store that is opened again.
        let store = Store::open(&path, Limits::default()).unwrap();
        store.insert(vec![first.clone(), second.clone()]).await.unwrap();
        store.insert(vec![second.clone()]).await.unwrap();
        let undelivered = store.undelivered(0, 10).await.unwrap().events;
        assert_eq!(undelivered.len(), 1);
        let delivered = Delivered { row: undelivered[0].0, record: None };
        // Late enough for its row to stay.
        let at = Timestamp::from_micros(4_102_444_800_000_000).unwrap();
        store.mark_delivered(vec![delivered], at).await.unwrap();
        drop(store);
        let store = Store::open(&path, Limits::default()).unwrap();
        store.insert(vec![second]).await.unwrap();
        assert_eq!(store.undelivered_count(), 0);
        let mut stored = Vec::new();
        read(&path, |event| stored.push(event)).unwrap();
        assert_eq!(stored, [first]);
    }

    #[tokio::test]
    async fn full_store_rejects_inserts_until_delivered_rows_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let limits = Limits {
            max_store_bytes: Some(200_000),
            keep_delivered: Duration::ZERO,
            ..Limits::default()
        };
        let store = Store::open(&path, limits).unwrap();
        let mut acknowledged = 0;
        let error = loop {
            let events = (0..100).map(|count| received(acknowledged, count)).collect();
            match store.insert(events).await {
                Ok(()) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::Full { max_bytes: 200_000 }), "{error:?}");
        assert!(acknowledged > 5, "{acknowledged}");
        // It stays a problem as long as nothing is delivered, also after the worker's next check.
        tokio::time::sleep(2 * worker::CHECK_INTERVAL).await;
        assert!(matches!(*store.problem().unwrap(), StoreError::Full { .. }));
        assert_eq!(u128::from(store.undelivered_count()), 100 * acknowledged);

        let rows = store.undelivered(0, 100_000).await.unwrap().events;
        let rows = rows.into_iter().map(|(row, _)| Delivered { row, record: None }).collect();
        store.mark_delivered(rows, received(0, 0).received_at).await.unwrap();
        while store.problem().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        store.insert(vec![received(9, 0)]).await.unwrap();
        let mut left = store.events_for_test().await;
        while left.len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            left = store.events_for_test().await;
        }
        assert_eq!(left, [received(9, 0)]);
        drop(store);
        while folder.path().join("store.sqlite-wal").exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let bytes = fs::metadata(&path).unwrap().len();
        assert!(bytes < 50_000, "{bytes} bytes for one row");
    }

    #[tokio::test]
    async fn delivered_rows_are_kept_for_their_time_and_others_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { keep_delivered: Duration::from_secs(3600), ..Limits::default() };
        let store = Store::open(&folder.path().join("store.sqlite"), limits).unwrap();
        store.insert((0..3).map(|count| received(1, count)).collect()).await.unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let now = Timestamp::from_micros(now as i64).unwrap();
        let long_ago = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        store.mark_delivered(vec![Delivered { row: 1, record: None }], long_ago).await.unwrap();
        store.mark_delivered(vec![Delivered { row: 2, record: None }], now).await.unwrap();
        while store.events_for_test().await.len() > 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(2 * worker::CHECK_INTERVAL).await;
        assert_eq!(store.events_for_test().await, [received(1, 1), received(1, 2)]);
        assert_eq!(store.undelivered_count(), 1);
    }

    #[tokio::test]
    async fn undelivered_rows_are_kept_for_their_time_where_the_store_is_the_destination() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let day = Duration::from_secs(24 * 60 * 60);
        let limits = Limits { keep_undelivered: Some(90 * day), ..Limits::default() };
        let store = Store::open(&path, limits).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let before = |days: u32| Timestamp::from_micros((now - days * day).as_micros() as i64);
        let event = |count, received_days_ago, happened_days_ago| {
            let mut event = received(1, count);
            event.received_at = before(received_days_ago).unwrap();
            event.press.event.timestamp = before(happened_days_ago).unwrap();
            event
        };
        // The third was received by a relay whose clock was behind, the fourth by one whose visitor's was not.
        let mut ahead = event(4, 91, 91);
        ahead.press.event.timestamp = Timestamp::from_micros(200_000_000_000_000_000).unwrap();
        let kept = [event(1, 89, 200), event(2, 1000, 1), event(3, 1, 1)];
        let all = [vec![event(0, 91, 92)], kept.to_vec(), vec![ahead]].concat();
        store.insert(all).await.unwrap();
        while store.events_for_test().await.len() > 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(2 * worker::CHECK_INTERVAL).await;
        assert_eq!(store.events_for_test().await, kept);
        assert_eq!(store.undelivered_count(), 3);
        // The last row was overwritten; the next one has an id of its own.
        assert_eq!(store.undelivered(0, 10).await.unwrap().events.len(), 3);
        store.insert(vec![event(5, 0, 0)]).await.unwrap();
        assert_eq!(store.undelivered(5, 10).await.unwrap().events, [(6, event(5, 0, 0))]);
    }

    #[tokio::test]
    async fn files_are_not_readable_by_other_users() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let made = ["data", "data/deep"].map(|name| folder.path().join(name));
        let store = Store::open(&made[1].join("store.sqlite"), Limits::default()).unwrap();
        store.insert(vec![received(1, 0)]).await.unwrap();
        let files = fs::read_dir(&made[1]).unwrap().map(|file| file.unwrap().path());
        for path in files.chain(made.clone()) {
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o077, 0, "{path:?}");
        }
    }

    impl Store {
        async fn events_for_test(&self) -> Vec<Received> {
            let store = self.clone();
            let read = move || store.blocking_rows_after(0, 100_000).unwrap().events;
            tokio::task::spawn_blocking(read).await.unwrap()
        }
    }

    /// Acknowledged events must not be in a file that was removed.
    #[tokio::test]
    async fn insert_into_removed_store_fails() {
        for removed in ["store.sqlite", "store.sqlite-wal"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.sqlite");
            let store = Store::open(&path, Limits::default()).unwrap();
            store.insert(vec![received(9, 0)]).await.unwrap();
            fs::remove_file(folder.path().join(removed)).unwrap();
            let error = store.insert(vec![received(9, 1)]).await.unwrap_err();
            assert!(matches!(error, StoreError::Removed { .. }), "{error}");
            assert!(matches!(*store.problem().unwrap(), StoreError::Removed { .. }));
            // Its events can still be delivered.
            assert!(!store.undelivered(0, 10).await.unwrap().events.is_empty());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Store::open(&path, Limits::default()).unwrap());
        fs::remove_file(&path).unwrap();
        let again = Store::open(&path, Limits::default()).unwrap();
        again.insert(vec![received(9, 1)]).await.unwrap();
    }

    #[tokio::test]
    async fn removed_file_is_a_problem_without_an_insert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path, Limits::default()).unwrap();
        assert!(store.problem().is_none());
        fs::rename(&path, folder.path().join("moved.sqlite")).unwrap();
        while store.problem().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[test]
    fn check_returns_error_of_open_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/store.sqlite");
        Store::check(&path).unwrap();
        let letter = folder.path().join("letter.txt");
        fs::write(&letter, "Dear database, this is a letter and not one of your files.").unwrap();
        let error = format!("{:#}", anyhow::Error::from(Store::check(&letter).unwrap_err()));
        assert!(error.contains("not a database"), "{error}");
        assert!(Store::check(&letter.join("store.sqlite")).is_err(), "a file is not a folder");
        let found = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(found, 1, "only the letter is left");
    }

    #[test]
    fn open_or_read_of_file_that_is_no_store_returns_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        fs::write(&path, "Dear database, this is a letter and not one of your files.").unwrap();
        for error in
            [Store::open(&path, Limits::default()).err().unwrap(), read(&path, |_| ()).unwrap_err()]
        {
            let error = format!("{:#}", anyhow::Error::from(error));
            assert!(error.contains("letter.txt") && error.contains("not a database"), "{error}");
        }
    }
}
