//! The SQL of the store, and how events become rows and come back.

use super::{Received, RowId, Rows, columns};
use rusqlite::{Connection, OpenFlags, Row, named_params, types::Type};
use schemas::{Action, ButtonPress, Event, Place, Timestamp, Uuid, sql};
use std::{path::Path, sync::Arc, time::Duration};

/// Another program that looks into the file may hold its lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens the file, with a write-ahead log that is synchronised at every commit: what is committed
/// survives a crash of the process and a loss of power.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(sql::SQLITE)?;
    columns::add_missing(&connection)?;
    Ok(connection)
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

/// Inserts all or none.
pub(super) fn insert(connection: &mut Connection, events: &[Received]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
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
            insert.execute(named_params! {
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
    transaction.commit()
}

pub(super) fn undelivered(
    connection: &Connection,
    limit: usize,
) -> rusqlite::Result<Vec<(RowId, Received)>> {
    connection
        .prepare_cached(
            "SELECT rowid, * FROM button_presses WHERE delivered_at IS NULL ORDER BY rowid LIMIT ?1",
        )?
        .query_map([limit as i64], |row| Ok((row.get("rowid")?, received(row))))?
        .filter_map(|row| match row {
            Ok((row, Ok(event))) => Some(Ok((row, event))),
            // It stays where it is and is counted, but holds nothing up.
            Ok((row, Err(error))) => {
                tracing::error!(row, "{error}; it is not delivered to Kafka");
                None
            }
            Err(error) => Some(Err(error)),
        })
        .collect()
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
        // What is no event was told when it was to be delivered.
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

pub(super) fn mark_delivered(
    connection: &mut Connection,
    rows: &[RowId],
    at: Timestamp,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut update = transaction
            .prepare_cached("UPDATE button_presses SET delivered_at = ?1 WHERE rowid = ?2")?;
        for row in rows {
            update.execute([at.micros(), *row])?;
        }
    }
    transaction.commit()
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

/// Somebody else wrote into the table what the relay never would.
fn unfit(column: &'static str) -> rusqlite::Error {
    let message = format!("a row of button_presses has a {column} that no event can have");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, message.into())
}
