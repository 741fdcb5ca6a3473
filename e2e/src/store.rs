//! Reads the relay's store as any other SQLite tool would, while the relay uses it.

use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use schemas::{Action, ButtonPress, Event, Place, Timestamp, Uuid};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A row of the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What it says of the event.
    pub press: ButtonPress,
    /// When the relay received it, in microseconds since 1970.
    pub received_at: i64,
    /// When Kafka acknowledged it, in microseconds since 1970.
    pub delivered_at: Option<i64>,
}

/// All rows, by session and count. No file and no table yet: no rows.
pub fn read_store(file: &Path) -> Vec<Stored> {
    if !file.is_file() {
        return Vec::new();
    }
    read(file).unwrap_or_else(|error| match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) if text.starts_with("no such table") => {
            Vec::new()
        }
        error => panic!("cannot read the store {}: {error}", file.display()),
    })
}

/// Checks the store as a relay that was killed has left it: SQLite finds nothing wrong with a copy of the
/// file and of its write-ahead log. The copy, since whoever opens it puts it in order.
///
/// # Panics
/// With what SQLite found.
pub fn assert_sound(file: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("store.sqlite");
    for ending in ["", "-wal"] {
        let from = PathBuf::from(format!("{}{ending}", file.display()));
        let to = PathBuf::from(format!("{}{ending}", copy.display()));
        // Of the log there need not be any.
        if ending.is_empty() || from.exists() {
            std::fs::copy(&from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
    }
    let store = Connection::open(copy).unwrap();
    let found: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

fn read(file: &Path) -> rusqlite::Result<Vec<Stored>> {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    store.busy_timeout(crate::PATIENCE)?;
    let mut select = store.prepare("SELECT * FROM button_presses ORDER BY session_id, count")?;
    let rows = select.query_map([], |row| {
        let session: String = row.get("session_id")?;
        let action: String = row.get("action")?;
        let timestamp = Timestamp::from_micros(row.get("timestamp")?);
        Ok(Stored {
            press: ButtonPress {
                session_id: Uuid::try_parse(&session).expect("session_id is a UUID"),
                event: Event {
                    timestamp: timestamp.expect("timestamp in range"),
                    action: Action::parse(&action).expect("action is one of the three"),
                    count: row.get::<_, i64>("count")?.try_into().expect("count is not negative"),
                },
                place: Arc::new(place(row)?),
                cohort: row.get("cohort")?,
            },
            received_at: row.get("received_at")?,
            delivered_at: row.get("delivered_at")?,
        })
    })?;
    rows.collect()
}

/// By the columns' names, which are the fields'.
fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let mut fields = Map::new();
    for (index, name) in row.as_ref().column_names().enumerate() {
        let value = match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
            ValueRef::Blob(_) => panic!("{name} is no text and no number"),
        };
        fields.insert(name.to_owned(), value);
    }
    Ok(serde_json::from_value(Value::Object(fields)).expect("the row has a place"))
}
