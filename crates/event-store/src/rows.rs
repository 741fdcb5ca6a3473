//! Queries of the store, and the conversion between events and rows.

use super::{Delivered, RowId, Rows, StoredSession, Undelivered};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, types::Type};
use schemas::{Action, ButtonPress, Event, Place, Received, RecordMetadata, Timestamp, Uuid};
use std::{ops::RangeInclusive, sync::Arc};

/// The action of a row that was overwritten (see [`delete`]).
const DELETED: &str = "Deleted";

/// Passes every event to `on_event` in the order of arrival; returns the number of unreadable rows.
pub(super) fn for_each(
    connection: &Connection,
    mut on_event: impl FnMut(Received),
) -> rusqlite::Result<u64> {
    let mut select = connection
        .prepare("SELECT * FROM button_presses WHERE action <> 'Deleted' ORDER BY rowid")?;
    let mut rows = select.query([])?;
    let mut unreadable = 0;
    while let Some(row) = rows.next()? {
        match parse_event(row) {
            Ok(event) => on_event(event),
            Err(_) => unreadable += 1,
        }
    }
    Ok(unreadable)
}

/// Inserts all events or none; returns the number of new ones.
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
            // Destructured in full, so that a new field does not compile without a column.
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

/// Skips and counts unreadable rows, so that they do not block the events behind them.
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
        match parse_event(row) {
            Ok(event) => found.events.push((found.read_up_to, event)),
            Err(_) => found.unreadable += 1,
        }
    }
    found.is_last = read < limit;
    Ok(found)
}

pub(super) fn rows_after(
    connection: &Connection,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Rows> {
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
        // The forwarder reports unreadable rows.
        found.events.extend(parse_event(row).ok());
    }
    Ok(found)
}

pub(super) fn undelivered_count(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM button_presses WHERE delivered_at IS NULL")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Marks rows as delivered; returns the number of those that were not marked before.
pub(super) fn mark_delivered(
    connection: &mut Connection,
    rows: &[Delivered],
    at: Timestamp,
) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let mut marked = 0;
    {
        let mut update = transaction.prepare_cached(
            "UPDATE button_presses SET delivered_at = :at, kafka_partition = :partition,
                 kafka_offset = :offset, schema_id = :schema_id, message_bytes = :bytes
             WHERE rowid = :row AND delivered_at IS NULL",
        )?;
        for Delivered { row, record } in rows {
            marked += update.execute(named_params! {
                ":at": at.micros(),
                ":row": row,
                ":partition": record.map(|it| it.partition),
                ":offset": record.map(|it| it.offset),
                ":schema_id": record.map(|it| it.schema_id),
                ":bytes": record.map(|it| it.bytes as i64),
            })?;
        }
    }
    transaction.commit()?;
    Ok(marked)
}

/// Where events are in Kafka; those are left out of which it is not known.
pub(super) fn records(
    connection: &Connection,
    session: Uuid,
    counts: &[u64],
) -> rusqlite::Result<Vec<(u64, RecordMetadata)>> {
    let session = session.hyphenated().to_string();
    let mut select = connection.prepare_cached(
        "SELECT kafka_partition, kafka_offset, schema_id, message_bytes FROM button_presses
         WHERE session_id = ?1 AND count = ?2 AND kafka_offset IS NOT NULL",
    )?;
    let mut records = Vec::new();
    for &count in counts {
        let metadata = |row: &Row<'_>| {
            Ok(RecordMetadata {
                partition: row.get(0)?,
                offset: row.get(1)?,
                schema_id: row.get(2)?,
                bytes: row.get::<_, u32>(3)? as usize,
            })
        };
        let found = select.query_row((&session, count as i64), metadata).optional()?;
        records.extend(found.map(|metadata| (count, metadata)));
    }
    Ok(records)
}

/// The last of up to `limit` rows after this one; `None` if there is none.
pub(super) fn last_of_next(
    connection: &Connection,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Option<RowId>> {
    connection
        .prepare_cached(
            "SELECT max(rowid) FROM
             (SELECT rowid FROM button_presses WHERE rowid > ?1 ORDER BY rowid LIMIT ?2)",
        )?
        .query_row([after, limit as i64], |row| row.get(0))
}

/// Deletes the rows of a range, exclusive and inclusive, that were delivered before a time, in microseconds since
/// 1970; returns how many.
pub(super) fn delete_delivered(
    connection: &Connection,
    (after, last): (RowId, RowId),
    delivered_before: i64,
) -> rusqlite::Result<usize> {
    delete(
        connection,
        "rowid > ?1 AND rowid <= ?2 AND delivered_at < ?3",
        &[&after, &last, &delivered_before],
    )
}

/// Deletes the undelivered rows of a range, exclusive and inclusive, that were received before a time; returns how
/// many. A relay without a network may have a clock that is years behind and then jumps, so the visitor's clock has to
/// agree, unless it is ahead of now.
pub(super) fn delete_expired(
    connection: &Connection,
    (after, last): (RowId, RowId),
    received_before: i64,
    now: i64,
) -> rusqlite::Result<usize> {
    delete(
        connection,
        r#"rowid > ?1 AND rowid <= ?2 AND delivered_at IS NULL AND received_at < ?3
           AND ("timestamp" < ?3 OR "timestamp" > ?4)"#,
        &[&after, &last, &received_before, &now],
    )
}

/// Deletes the rows of a session; returns how many.
pub(super) fn delete_session(connection: &Connection, session_id: Uuid) -> rusqlite::Result<usize> {
    delete(connection, "session_id = ?1", &[&session_id.hyphenated().to_string()])
}

/// Deletes the rows that a condition is true for; returns how many. The last row of all is overwritten instead, as
/// delivered in 1970, and is deleted once another one follows: SQLite would give its id to the next row, which a reader
/// that has read up to it would pass over, and the forwarder could mark as delivered.
fn delete(
    connection: &Connection,
    condition: &str,
    parameters: &[&dyn ToSql],
) -> rusqlite::Result<usize> {
    let last = "(SELECT max(rowid) FROM button_presses)";
    let overwritten = connection
        .prepare_cached(&format!(
            r#"UPDATE button_presses SET session_id = '{}', "timestamp" = 0, action = '{DELETED}',
                   count = rowid, country_name = '', country_code = '--', subdivision_name = NULL,
                   subdivision_code = NULL, city_name = NULL, latitude = NULL, longitude = NULL,
                   cohort = NULL, received_at = 0, delivered_at = 0, kafka_partition = NULL,
                   kafka_offset = NULL, schema_id = NULL, message_bytes = NULL
               WHERE rowid = {last} AND action <> '{DELETED}' AND {condition}"#,
            Uuid::nil().hyphenated()
        ))?
        .execute(parameters)?;
    let deleted = connection
        .prepare_cached(&format!(
            "DELETE FROM button_presses WHERE rowid < {last} AND {condition}"
        ))?
        .execute(parameters)?;
    Ok(overwritten + deleted)
}

/// The sessions whose ids are in a range, with their events, at most `limit`.
pub(super) fn sessions(
    connection: &Connection,
    ids: RangeInclusive<Uuid>,
    limit: usize,
) -> rusqlite::Result<Vec<StoredSession>> {
    let mut select = connection.prepare(
        "SELECT session_id, count(*), count(*) FILTER (WHERE delivered_at IS NULL), min(received_at)
         FROM button_presses WHERE session_id BETWEEN ?1 AND ?2 AND action <> 'Deleted'
         GROUP BY session_id ORDER BY session_id LIMIT ?3",
    )?;
    let [first, last] = [ids.start(), ids.end()].map(|id| id.hyphenated().to_string());
    let session = |row: &Row<'_>| {
        let id: String = row.get(0)?;
        Ok(StoredSession {
            id: Uuid::try_parse(&id).map_err(|_| invalid("session_id"))?,
            events: row.get::<_, i64>(1)?.unsigned_abs(),
            undelivered: row.get::<_, i64>(2)?.unsigned_abs(),
            first_received_at: Timestamp::from_micros(row.get(3)?).unwrap_or(Timestamp::EPOCH),
        })
    };
    select.query_map((first, last, limit as i64), session)?.collect()
}

/// Returns up to so many unused pages to the file system. A store of an earlier version keeps them for new rows.
pub(super) fn give_back_pages(connection: &Connection, pages: usize) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Bytes of the pages that are in use.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let used = pragma("page_count")? - pragma("freelist_count")?;
    Ok(used.saturating_mul(pragma("page_size")?).unsigned_abs())
}

/// Writes a page without changing its content. Fails if the file has become read-only, for example.
pub(super) fn probe_write(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

/// # Errors
/// If a column holds a value that the relay never writes.
fn parse_event(row: &Row<'_>) -> rusqlite::Result<Received> {
    let session_id: String = row.get("session_id")?;
    let action: String = row.get("action")?;
    Ok(Received {
        press: ButtonPress {
            session_id: Uuid::try_parse(&session_id).map_err(|_| invalid("session_id"))?,
            event: Event {
                timestamp: timestamp(row, "timestamp")?,
                action: Action::parse(&action).ok_or_else(|| invalid("action"))?,
                count: u64::try_from(row.get::<_, i64>("count")?).map_err(|_| invalid("count"))?,
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
    Timestamp::from_micros(row.get(column)?).ok_or_else(|| invalid(column))
}

fn invalid(column: &'static str) -> rusqlite::Error {
    let message = format!("invalid {column} in a row of button_presses");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, message.into())
}
