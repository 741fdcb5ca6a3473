//! The thread that owns the connection.

use super::{
    Answer, RowId, Rows, StoreError, Undelivered, commits::Commits, file::OpenFile, rows,
    status::Status,
};
use rusqlite::Connection;
use schemas::{Received, Timestamp};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// A command for the thread.
pub(super) enum Command {
    Insert { events: Vec<Received>, answer: Answer<()> },
    Undelivered { after: RowId, limit: usize, answer: Answer<Undelivered> },
    Since { row: RowId, limit: usize, answer: Answer<Rows> },
    MarkDelivered { rows: Vec<RowId>, at: Timestamp, answer: Answer<()> },
}

/// Events in one transaction at the most: more would make the first of them wait too long.
const GROUP: usize = 10_000;

/// Interval of checks of the file, which write nothing.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of writes that only show whether writing is possible. After a failure each check includes one.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// The connection, and what its thread keeps.
pub(super) struct Worker {
    connection: Connection,
    file: OpenFile,
    commits: Commits,
    status: Arc<Status>,
    probed: Instant,
    checked: Instant,
}

impl Worker {
    pub(super) fn new(
        connection: Connection,
        file: OpenFile,
        commits: Commits,
        status: Arc<Status>,
    ) -> Self {
        let now = Instant::now();
        let mut worker = Self { connection, file, commits, status, probed: now, checked: now };
        worker.check();
        worker
    }

    /// Answers commands until every handle is gone.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        let mut next = None;
        loop {
            if next.is_none() {
                next = match queue.recv_timeout(CHECK_INTERVAL) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
            }
            self.status.set_busy(true);
            next = match next.take() {
                Some(command) => self.answer(command, queue),
                None => None,
            };
            // While commands keep coming, too: a file that only is read shows no failure otherwise.
            if self.checked.elapsed() >= CHECK_INTERVAL {
                self.check();
            }
            self.status.set_busy(false);
        }
    }

    /// Executes a command; returns one that was taken from the queue meanwhile.
    fn answer(&mut self, command: Command, queue: &Receiver<Command>) -> Option<Command> {
        // An answer that cannot be sent has no receiver any more, so a failed send is no error.
        match command {
            Command::Insert { events, answer } => {
                return self.insert_group(queue, events, answer);
            }
            Command::Undelivered { after, limit, answer } => {
                let read = rows::undelivered(&self.connection, after, limit);
                let _ = answer.send(read.map_err(StoreError::from));
            }
            Command::Since { row, limit, answer } => {
                let read = rows::since(&self.connection, row, limit);
                let _ = answer.send(read.map_err(StoreError::from));
            }
            Command::MarkDelivered { rows, at, answer } => {
                let marked = rows::mark_delivered(&mut self.connection, &rows, at);
                let marked = marked.map(|rows| self.status.delivered(rows));
                let _ = answer.send(marked.map_err(StoreError::from));
            }
        }
        None
    }

    /// Commits these events together with those of the inserts that wait behind them; returns the
    /// first waiting command of another kind.
    fn insert_group(
        &mut self,
        queue: &Receiver<Command>,
        mut events: Vec<Received>,
        answer: Answer<()>,
    ) -> Option<Command> {
        let mut answers = vec![answer];
        let mut other = None;
        while events.len() < GROUP && other.is_none() {
            match queue.try_recv() {
                Ok(Command::Insert { events: more, answer }) => {
                    events.extend(more);
                    answers.push(answer);
                }
                Ok(command) => other = Some(command),
                Err(_) => break,
            }
        }
        let inserted = rows::insert(&mut self.connection, &events).map_err(StoreError::from);
        // Behind the commit, so that nothing is acknowledged that went into a file without a name.
        let inserted = inserted.and_then(|rows| self.file.check().map(|()| rows));
        match &inserted {
            Ok(rows) => {
                self.status.inserted(*rows);
                self.commits.add();
            }
            Err(error) => self.status.set_problem(Some(error.clone())),
        }
        for answer in answers {
            let _ = answer.send(inserted.as_ref().map(|_| ()).map_err(StoreError::clone));
        }
        other
    }

    /// Checks whether events could be written now.
    fn check(&mut self) {
        let now = Instant::now();
        self.checked = now;
        let had_problem = self.status.problem().is_some();
        let mut checked = self.file.check().and_then(|()| self.file.check_space());
        if checked.is_ok() && (had_problem || now - self.probed >= PROBE_INTERVAL) {
            self.probed = now;
            checked = rows::write_a_page(&self.connection).map_err(StoreError::from);
            // Other programs may have written into the file.
            if let Ok(undelivered) = rows::undelivered_count(&self.connection) {
                self.status.set_undelivered(undelivered);
            }
        }
        self.status.set_problem(checked.err());
    }
}
