//! The SQL of the store, and how events become rows and come back.

use super::{RowId, Rows, StoreError, Undelivered, columns};
use rusqlite::{Connection, OpenFlags, Row, named_params, types::Type};
use schemas::{Action, ButtonPress, Event, Place, Received, Timestamp, Uuid, sql};
use std::{path::Path, sync::Arc, time::Duration};

/// Another program that reads the file may hold its lock briefly.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the file, with a write-ahead log that is synchronised at every commit: what is committed
/// survives a crash of the process and a loss of power.
///
/// # Errors
/// [`StoreError::FileSystem`] where there can be no such log, otherwise [`StoreError::Open`].
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<(Connection, String)> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(sql::SQLITE)?;
        columns::add_missing(&connection)?;
        Ok((connection, mode))
    };
    match open() {
        Ok((connection, mode)) if mode.eq_ignore_ascii_case("wal") => Ok(connection),
        // SQLite stays with another kind of journal where it has no shared memory.
        Ok(_) => Err(StoreError::FileSystem { path: path.to_owned(), source: None }),
        Err(error) => Err(open_error(path, error)),
    }
}

/// The error of an attempt to open the file.
fn open_error(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ffi::{
        SQLITE_IOERR_LOCK, SQLITE_IOERR_SHMLOCK, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN,
        SQLITE_IOERR_SHMSIZE, SQLITE_PROTOCOL,
    };
    // Shared memory and locks (https://sqlite.org/rescode.html).
    let needed = [
        SQLITE_IOERR_LOCK,
        SQLITE_IOERR_SHMLOCK,
        SQLITE_IOERR_SHMMAP,
        SQLITE_IOERR_SHMOPEN,
        SQLITE_IOERR_SHMSIZE,
        SQLITE_PROTOCOL,
    ];
    let code = error.sqlite_error().map(|error| error.extended_code);
    let (path, source) = (path.to_owned(), Arc::new(error));
    match code {
        Some(code) if needed.contains(&code) => {
            StoreError::FileSystem { path, source: Some(source) }
        }
        _ => StoreError::Open { path, source },
    }
}

/// Reads the file's header.
pub(super) fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "schema_version", |row| row.get(0))
}

/// Opens a store that is there, and changes nothing in it.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Gives every event in the order of arrival, and the number of rows that hold none.
pub(super) fn for_each(
    connection: &Connection,
    mut take: impl FnMut(Received),
) -> rusqlite::Result<u64> {
    let mut select = connection.prepare("SELECT * FROM button_presses ORDER BY rowid")?;
    let mut rows = select.query([])?;
    let mut unfit = 0;
    while let Some(row) = rows.next()? {
        match received(row) {
            Ok(event) => take(event),
            Err(_) => unfit += 1,
        }
    }
    Ok(unfit)
}

/// Inserts all or none. Returns how many were not there yet.
pub(super) fn insert(connection: &mut Connection, events: &[Received]) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let mut inserted = 0;
    {
        let mut insert = transaction.prepare_cached(
            r#"INSERT INTO button_presses (session_id, "timestamp", action, count, country_name,
                   country_code, subdivision_name, subdivision_code, city_name, latitude,
                   longitude, cohort, received_at)
               VALUES (:session_id, :timestamp, :action, :count, :country_name,
                   :country_code, :subdivision_name, :subdivision_code, :city_name, :latitude,
                   :longitude, :cohort, :received_at)
               ON CONFLICT (session_id, count) DO NOTHING"#,
        )?;
        for Received { press: ButtonPress { session_id, event, place, cohort }, received_at } in
            events
        {
            // Named one by one, so that the compiler notices a new one.
            let Place {
                country_name,
                country_code,
                subdivision_name,
                subdivision_code,
                city_name,
                latitude,
                longitude,
            } = &**place;
            inserted += insert.execute(named_params! {
                ":session_id": session_id.hyphenated().to_string(),
                ":timestamp": event.timestamp.micros(),
                ":action": event.action.name(),
                // In range: a count is at most 2^53 − 1.
                ":count": event.count as i64,
                ":country_name": country_name,
                ":country_code": country_code,
                ":subdivision_name": subdivision_name,
                ":subdivision_code": subdivision_code,
                ":city_name": city_name,
                ":latitude": latitude,
                ":longitude": longitude,
                ":cohort": cohort,
                ":received_at": received_at.micros(),
            })?;
        }
    }
    transaction.commit()?;
    Ok(inserted)
}

/// Reads rows that hold no event as well, so that these hold up nothing.
pub(super) fn undelivered(
    connection: &Connection,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Undelivered> {
    let mut found = Undelivered { read_up_to: after, ..Undelivered::default() };
    let mut select = connection.prepare_cached(
        "SELECT rowid, * FROM button_presses WHERE delivered_at IS NULL AND rowid > ?1
         ORDER BY rowid LIMIT ?2",
    )?;
    let mut rows = select.query([after, limit as i64])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        read += 1;
        found.read_up_to = row.get("rowid")?;
        match received(row) {
            Ok(event) => found.events.push((found.read_up_to, event)),
            Err(_) => found.unreadable += 1,
        }
    }
    found.is_last = read < limit;
    Ok(found)
}

pub(super) fn since(connection: &Connection, after: RowId, limit: usize) -> rusqlite::Result<Rows> {
    let last_row = connection
        .prepare_cached("SELECT coalesce(max(rowid), 0) FROM button_presses")?
        .query_row([], |row| row.get(0))?;
    let mut found = Rows { events: Vec::new(), read_up_to: after, last_row };
    let mut select = connection.prepare_cached(
        "SELECT rowid, * FROM button_presses WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
    )?;
    let mut rows = select.query([after, limit as i64])?;
    while let Some(row) = rows.next()? {
        found.read_up_to = row.get("rowid")?;
        // Rows that hold no event are reported by the forwarder.
        found.events.extend(received(row).ok());
    }
    Ok(found)
}

pub(super) fn undelivered_count(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM button_presses WHERE delivered_at IS NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Returns how many were not marked yet.
pub(super) fn mark_delivered(
    connection: &mut Connection,
    rows: &[RowId],
    at: Timestamp,
) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let mut marked = 0;
    {
        let mut update = transaction.prepare_cached(
            "UPDATE button_presses SET delivered_at = ?1 WHERE rowid = ?2 AND delivered_at IS NULL",
        )?;
        for row in rows {
            marked += update.execute([at.micros(), *row])?;
        }
    }
    transaction.commit()?;
    Ok(marked)
}

/// Writes a page and takes it back: a file that became read-only shows here.
pub(super) fn write_a_page(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

fn received(row: &Row<'_>) -> rusqlite::Result<Received> {
    let session_id: String = row.get("session_id")?;
    let action: String = row.get("action")?;
    Ok(Received {
        press: ButtonPress {
            session_id: Uuid::try_parse(&session_id).map_err(|_| unfit("session_id"))?,
            event: Event {
                timestamp: timestamp(row, "timestamp")?,
                action: Action::parse(&action).ok_or_else(|| unfit("action"))?,
                count: u64::try_from(row.get::<_, i64>("count")?).map_err(|_| unfit("count"))?,
            },
            place: Arc::new(Place {
                country_name: row.get("country_name")?,
                country_code: row.get("country_code")?,
                subdivision_name: row.get("subdivision_name")?,
                subdivision_code: row.get("subdivision_code")?,
                city_name: row.get("city_name")?,
                latitude: row.get("latitude")?,
                longitude: row.get("longitude")?,
            }),
            cohort: row.get("cohort")?,
        },
        received_at: timestamp(row, "received_at")?,
    })
}

fn timestamp(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Timestamp> {
    Timestamp::from_micros(row.get(column)?).ok_or_else(|| unfit(column))
}

/// The row holds a value that the relay never writes.
fn unfit(column: &'static str) -> rusqlite::Error {
    let message = format!("a row of button_presses has a {column} that no event can have");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_system_without_shared_memory_is_named() {
        let error = |code| {
            let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            open_error(Path::new("/mnt/share/store.sqlite"), failure).to_string()
        };
        // SQLITE_IOERR_SHMMAP, as a FUSE mount with direct_io gives it.
        for code in [5386, 4618, 4874, 5130, 3850, 15] {
            let text = error(code);
            assert!(
                text.contains("/mnt/share") && text.contains("local disk with --store"),
                "{text}"
            );
        }
        assert!(error(14).contains("cannot be opened"));
    }
}
