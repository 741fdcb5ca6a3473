//! Opens SQLite connections: settings for durability, new columns, and what opening errors mean.

use super::StoreError;
use rusqlite::{Connection, OpenFlags, ffi};
use schemas::sql;
use std::{path::Path, sync::Arc, time::Duration};

/// Wait for a lock that another program holds on the file while it reads.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Wait for a lock that a relay holds while it writes.
const ERASURE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens or creates a store, with a write-ahead log that is synchronised at every commit: committed rows
/// survive a crash of the process and a loss of power.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Without effect once there are tables: a store of an earlier version does not become smaller.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        // Without shared memory SQLite keeps another journal mode and returns no error.
        let message = format!("the journal mode stays {mode}");
        let code = ffi::Error::new(ffi::SQLITE_IOERR_SHMMAP);
        return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A row that is updated or deleted leaves no copy in its page; the page is written anyway.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.execute_batch(sql::SQLITE)?;
    add_missing_columns(&connection)?;
    Ok(connection)
}

/// Opens an existing store without changing it, and reads its header.
pub(super) fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
    Ok(connection)
}

/// Opens an existing store for deletions that overwrite the space of their rows.
pub(super) fn open_for_erasure(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(ERASURE_TIMEOUT)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// The error of an attempt to open `path`: [`StoreError::FileSystem`] if shared memory or locks are
/// missing, otherwise [`StoreError::Open`].
pub(super) fn open_error(path: &Path, error: rusqlite::Error) -> StoreError {
    // https://sqlite.org/rescode.html
    const SHARED_MEMORY_CODES: [i32; 6] = [
        ffi::SQLITE_IOERR_LOCK,
        ffi::SQLITE_IOERR_SHMLOCK,
        ffi::SQLITE_IOERR_SHMMAP,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_PROTOCOL,
    ];
    let code = error.sqlite_error().map(|error| error.extended_code);
    let (path, source) = (path.to_owned(), Arc::new(error));
    if code.is_some_and(|code| SHARED_MEMORY_CODES.contains(&code)) {
        StoreError::FileSystem { path, source }
    } else {
        StoreError::Open { path, source }
    }
}

/// Adds the columns that a store of an earlier version lacks. They are null in its rows.
fn add_missing_columns(connection: &Connection) -> rusqlite::Result<()> {
    let current = Connection::open_in_memory()?;
    current.execute_batch(sql::SQLITE)?;
    let existing = columns(connection)?;
    for (name, kind) in columns(&current)? {
        if existing.iter().any(|(existing, _)| *existing == name) {
            continue;
        }
        connection
            .execute_batch(&format!(r#"ALTER TABLE button_presses ADD COLUMN "{name}" {kind}"#))?;
        tracing::info!("added the column {name} to the store");
    }
    Ok(())
}

/// Names and types of the columns.
fn columns(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT name, type FROM pragma_table_info('button_presses')")?
        .query_map([], |row| Ok((row.get("name")?, row.get("type")?)))?
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn store_of_earlier_version_gets_missing_columns() {
        let store = Connection::open_in_memory().unwrap();
        let is_earlier = |line: &&str| !line.contains("longitude") && !line.contains("cohort");
        let earlier: Vec<_> = sql::SQLITE.lines().filter(is_earlier).collect();
        store.execute_batch(&earlier.join("\n")).unwrap();
        let insert = "INSERT INTO button_presses (session_id, timestamp, action, count, \
                      country_name, country_code, received_at) VALUES ('a', 1, 'b', 0, 'c', '--', 2)";
        store.execute_batch(insert).unwrap();
        add_missing_columns(&store).unwrap();
        add_missing_columns(&store).unwrap();
        let select = "SELECT longitude IS NULL AND cohort IS NULL FROM button_presses";
        assert!(store.query_row(select, [], |row| row.get::<_, bool>(0)).unwrap());
        let columns = columns(&store).unwrap();
        for (name, kind) in [("longitude", "REAL"), ("cohort", "INTEGER")] {
            assert!(columns.contains(&(name.to_owned(), kind.to_owned())), "{columns:?}");
        }
    }

    #[test]
    fn open_error_without_shared_memory_names_file_system() {
        let error = |code| {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            open_error(Path::new("/mnt/share/store.sqlite"), failure).to_string()
        };
        // The first is SQLITE_IOERR_SHMMAP, which a FUSE mount with direct_io causes.
        for code in [5386, 4618, 4874, 5130, 3850, 15] {
            let text = error(code);
            assert!(
                text.contains("/mnt/share") && text.contains("local disk with --store"),
                "{text}"
            );
        }
        assert!(error(14).starts_with("cannot open the store"));
    }
}
