//! Reads the relay's store as any other SQLite tool would, while the relay uses it.

use rusqlite::{Connection, OpenFlags};
use schemas::{Action, ButtonPress, Event, Place, Timestamp, Uuid};
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
    let mut select = store.prepare(
        r#"SELECT session_id, "timestamp", action, count, country_name, country_code,
                  subdivision_name, subdivision_code, city_name, latitude, longitude, cohort,
                  received_at, delivered_at
           FROM button_presses ORDER BY session_id, count"#,
    )?;
    let rows = select.query_map([], |row| {
        let session: String = row.get(0)?;
        let action: String = row.get(2)?;
        Ok(Stored {
            press: ButtonPress {
                session_id: Uuid::try_parse(&session).expect("session_id is a UUID"),
                event: Event {
                    timestamp: Timestamp::from_micros(row.get(1)?).expect("timestamp in range"),
                    action: Action::parse(&action).expect("action is one of the three"),
                    count: row.get::<_, i64>(3)?.try_into().expect("count is not negative"),
                },
                place: Arc::new(Place {
                    country_name: row.get(4)?,
                    country_code: row.get(5)?,
                    subdivision_name: row.get(6)?,
                    subdivision_code: row.get(7)?,
                    city_name: row.get(8)?,
                    latitude: row.get(9)?,
                    longitude: row.get(10)?,
                }),
                cohort: row.get(11)?,
            },
            received_at: row.get(12)?,
            delivered_at: row.get(13)?,
        })
    })?;
    rows.collect()
}
