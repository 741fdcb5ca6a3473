//! Worker: the thread that owns the connection and executes commands.

use super::{
    Delivered, Reply, RowId, Rows, StoreError, Undelivered, file::OpenFile, retention::Retention,
    rows, status::Status,
};
use rusqlite::Connection;
use schemas::{Received, RecordMetadata, Timestamp, Uuid};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// A command to the worker, with the sender of its reply.
pub(super) enum Command {
    Insert { events: Vec<Received>, reply: Reply<()> },
    Undelivered { after: RowId, limit: usize, reply: Reply<Undelivered> },
    RowsAfter { row: RowId, limit: usize, reply: Reply<Rows> },
    MarkDelivered { rows: Vec<Delivered>, at: Timestamp, reply: Reply<()> },
    Records { session: Uuid, counts: Vec<u64>, reply: Reply<Vec<(u64, RecordMetadata)>> },
}

/// Events in one transaction, beyond which no further insert joins it: the first one would wait too long.
const MAX_GROUP: usize = 10_000;

/// Interval of checks of the file, which write nothing.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of checks that include a write. After a failure each check includes one.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// State of the worker thread.
pub(super) struct Worker {
    connection: Connection,
    file: OpenFile,
    retention: Retention,
    max_bytes: u64,
    status: Arc<Status>,
    probed: Instant,
    checked: Instant,
}

impl Worker {
    /// Checks the file once, so that the status is valid from the start.
    pub(super) fn new(
        connection: Connection,
        file: OpenFile,
        retention: Retention,
        max_bytes: u64,
        status: Arc<Status>,
    ) -> Self {
        let (probed, checked) = (Instant::now(), Instant::now());
        let mut worker = Self { connection, file, retention, max_bytes, status, probed, checked };
        worker.check();
        worker
    }

    /// Executes commands until every handle is dropped.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        let mut pending = None;
        loop {
            let command = match pending {
                Some(command) => Some(command),
                None => match queue.recv_timeout(CHECK_INTERVAL) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                },
            };
            self.status.set_busy(true);
            pending = command.and_then(|command| self.execute(command, queue));
            // Also under load: a file that is only read shows no failure otherwise.
            if self.checked.elapsed() >= CHECK_INTERVAL {
                self.check();
            }
            self.status.set_busy(false);
        }
    }

    /// Executes a command; returns a further one that it received from the queue.
    fn execute(&mut self, command: Command, queue: &Receiver<Command>) -> Option<Command> {
        // Sending a reply fails if the caller was dropped, which is no error.
        match command {
            Command::Insert { events, reply } => return self.insert_group(queue, events, reply),
            Command::Undelivered { after, limit, reply } => {
                let read = rows::undelivered(&self.connection, after, limit);
                let _ = reply.send(read.map_err(StoreError::from));
            }
            Command::RowsAfter { row, limit, reply } => {
                let read = rows::rows_after(&self.connection, row, limit);
                let _ = reply.send(read.map_err(StoreError::from));
            }
            Command::Records { session, counts, reply } => {
                let read = rows::records(&self.connection, session, &counts);
                let _ = reply.send(read.map_err(StoreError::from));
            }
            Command::MarkDelivered { rows, at, reply } => {
                let marked = rows::mark_delivered(&mut self.connection, &rows, at);
                let marked = marked.map(|rows| self.status.remove_undelivered(rows));
                let _ = reply.send(marked.map_err(StoreError::from));
            }
        }
        None
    }

    /// Group commit: commits these events together with those of the inserts queued behind them. Returns
    /// the first command of another kind.
    fn insert_group(
        &mut self,
        queue: &Receiver<Command>,
        mut events: Vec<Received>,
        reply: Reply<()>,
    ) -> Option<Command> {
        let mut replies = vec![reply];
        let mut other = None;
        while events.len() < MAX_GROUP && other.is_none() {
            match queue.try_recv() {
                Ok(Command::Insert { events: more, reply }) => {
                    events.extend(more);
                    replies.push(reply);
                }
                Ok(command) => other = Some(command),
                Err(_) => break,
            }
        }
        let inserted = self
            .check_size()
            .and_then(|()| rows::insert(&mut self.connection, &events).map_err(StoreError::from));
        // After the commit: events in a file that was removed must not be acknowledged.
        let inserted = inserted.and_then(|rows| self.file.check().map(|()| rows));
        match &inserted {
            Ok(rows) => self.status.record_commit(*rows),
            Err(error) => self.status.set_problem(Some(error.clone())),
        }
        for reply in replies {
            let _ = reply.send(inserted.as_ref().map(|_| ()).map_err(StoreError::clone));
        }
        other
    }

    /// Checks that the store may become larger. Not by SQLite's `max_page_count`: the mark of a delivery needs a
    /// page at times, and is what makes room.
    ///
    /// # Errors
    /// [`StoreError::Full`] if not.
    fn check_size(&self) -> Result<(), StoreError> {
        if rows::used_bytes(&self.connection)? >= self.max_bytes {
            return Err(StoreError::Full { max_bytes: self.max_bytes });
        }
        Ok(())
    }

    /// Checks whether events can be written, and deletes some of those that are not needed any more.
    fn check(&mut self) {
        let now = Instant::now();
        self.checked = now;
        let had_problem = self.status.problem().is_some();
        match self.retention.step(&self.connection) {
            Ok(undelivered) => self.status.remove_undelivered(undelivered),
            Err(error) => self.status.set_problem(Some(error.into())),
        }
        let mut checked = self.file.check().and_then(|()| self.file.check_space());
        checked = checked.and_then(|()| self.check_size());
        if checked.is_ok() && (had_problem || now - self.probed >= PROBE_INTERVAL) {
            self.probed = now;
            checked = rows::probe_write(&self.connection).map_err(StoreError::from);
            // Other programs may have written into the file.
            if let Ok(undelivered) = rows::undelivered_count(&self.connection) {
                self.status.set_undelivered(undelivered);
            }
        }
        self.status.set_problem(checked.err());
    }
}
