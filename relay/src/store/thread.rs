//! The thread that owns the connection.

use super::{Answer, Received, RowId, Rows, StoreError, commits::Commits, rows, space};
use rusqlite::Connection;
use schemas::Timestamp;
use std::{path::Path, sync::mpsc::Receiver};

/// What the thread can be asked.
pub(super) enum Command {
    Insert { events: Vec<Received>, answer: Answer<()> },
    Undelivered { limit: usize, answer: Answer<Vec<(RowId, Received)>> },
    Since { row: RowId, limit: usize, answer: Answer<Rows> },
    UndeliveredCount { answer: Answer<u64> },
    MarkDelivered { rows: Vec<RowId>, at: Timestamp, answer: Answer<()> },
    CheckWritable { answer: Answer<()> },
}

/// Events in one transaction at the most: more would make the first of them wait too long.
const GROUP: usize = 10_000;

/// Answers commands until every handle is gone.
pub(super) fn run(mut connection: Connection, queue: &Receiver<Command>, commits: &Commits) {
    let mut next = queue.recv().ok();
    while let Some(command) = next.take() {
        match command {
            Command::Insert { events, answer } => {
                next = insert_group(&mut connection, queue, events, answer);
                commits.add();
            }
            // Nobody waits for an answer that cannot be sent, so a failed send is no error.
            Command::Undelivered { limit, answer } => {
                let _ = answer.send(rows::undelivered(&connection, limit).map_err(sqlite));
            }
            Command::Since { row, limit, answer } => {
                let _ = answer.send(rows::since(&connection, row, limit).map_err(sqlite));
            }
            Command::UndeliveredCount { answer } => {
                let _ = answer.send(rows::undelivered_count(&connection).map_err(sqlite));
            }
            Command::MarkDelivered { rows, at, answer } => {
                let marked = rows::mark_delivered(&mut connection, &rows, at);
                let _ = answer.send(marked.map_err(sqlite));
            }
            Command::CheckWritable { answer } => {
                let _ = answer.send(check_writable(&connection));
            }
        }
        next = next.or_else(|| queue.recv().ok());
    }
}

/// Commits these events together with those of the inserts that wait behind them; gives back the
/// first waiting command of another kind.
fn insert_group(
    connection: &mut Connection,
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
    let outcome = rows::insert(connection, &events).map_err(|error| error.to_string());
    for answer in answers {
        let _ = answer.send(outcome.clone().map_err(StoreError::Sqlite));
    }
    other
}

/// A single page may still find room where a commit does not, so the disk is looked at as well.
fn check_writable(connection: &Connection) -> Result<(), StoreError> {
    rows::write_a_page(connection).map_err(sqlite)?;
    match connection.path().and_then(|file| space::left_for(Path::new(file))) {
        Some(bytes) if bytes < space::NEEDED => Err(StoreError::DiskFull { bytes }),
        // Where it cannot be told, the page says enough.
        _ => Ok(()),
    }
}

fn sqlite(error: rusqlite::Error) -> StoreError {
    StoreError::Sqlite(error.to_string())
}
