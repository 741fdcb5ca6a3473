//! Deletion of a session from a store's file, while a relay may use it.

use super::{StoreError, connection, rows};
use rusqlite::TransactionBehavior;
use schemas::{Timestamp, Uuid};
use std::{ops::RangeInclusive, path::Path};

/// A session in a store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSession {
    /// Its id.
    pub id: Uuid,
    /// Number of its events.
    pub events: u64,
    /// Those of them that Kafka does not have yet.
    pub undelivered: u64,
    /// When the relay received the first.
    pub first_received_at: Timestamp,
}

/// Lists the sessions of the store at `path` whose ids are in a range, at most `limit`. Writes nothing.
///
/// # Errors
/// If the store cannot be opened or read.
pub fn sessions(
    path: &Path,
    ids: RangeInclusive<Uuid>,
    limit: usize,
) -> Result<Vec<StoredSession>, StoreError> {
    let connection =
        connection::open_read_only(path).map_err(|error| connection::open_error(path, error))?;
    Ok(rows::sessions(&connection, ids, limit)?)
}

/// Deletes all events of a session from the store at `path`, and overwrites their space in the file; returns how
/// many. A relay that runs on the store does not send them to Kafka any more, except for those of a request to
/// Kafka that is under way. Its live numbers still count them.
///
/// # Errors
/// If the store cannot be opened or written. Nothing is deleted then.
pub fn forget(path: &Path, session_id: Uuid) -> Result<usize, StoreError> {
    let mut connection =
        connection::open_for_erasure(path).map_err(|error| connection::open_error(path, error))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let deleted = rows::delete_session(&transaction, session_id)?;
    transaction.commit()?;
    // The write-ahead log still has the rows. Where a reader prevents it, a later checkpoint overwrites them.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Delivered, Limits, Store, tests::received};
    use std::{fs, time::Duration};

    fn id(session: u128) -> Uuid {
        Uuid::from_u128(session)
    }

    /// Whether the store's file or its write-ahead log contain the id.
    fn file_contains(path: &Path, session: u128) -> bool {
        let id = id(session).hyphenated().to_string();
        ["", "-wal"].iter().any(|ending| {
            let file = fs::read(format!("{}{ending}", path.display())).unwrap_or_default();
            file.windows(id.len()).any(|bytes| bytes == id.as_bytes())
        })
    }

    #[tokio::test]
    async fn forgotten_session_is_neither_delivered_nor_in_the_file_of_an_open_store() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path, Limits::default()).unwrap();
        store.insert(vec![received(1, 0), received(2, 0), received(1, 1)]).await.unwrap();
        store
            .mark_delivered(vec![Delivered { row: 1, record: None }], received(0, 0).received_at)
            .await
            .unwrap();
        assert!(file_contains(&path, 1));

        assert_eq!(forget(&path, id(1)).unwrap(), 2);
        assert!(!file_contains(&path, 1));
        assert!(file_contains(&path, 2));
        let undelivered = store.undelivered(0, 10).await.unwrap();
        assert_eq!(undelivered.events, [(2, received(2, 0))]);
        assert_eq!(undelivered.unreadable, 0);
        assert_eq!(forget(&path, id(1)).unwrap(), 0);

        // The row that follows has an id of its own: a reader that has read up to row 3 returns it.
        store
            .mark_delivered(vec![Delivered { row: 3, record: None }], received(0, 0).received_at)
            .await
            .unwrap();
        store.insert(vec![received(3, 0)]).await.unwrap();
        assert_eq!(store.undelivered(3, 10).await.unwrap().events, [(4, received(3, 0))]);
        while store.undelivered_count() != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut events = Vec::new();
        assert_eq!(crate::read(&path, |event| events.push(event)).unwrap(), 0);
        assert_eq!(events, [received(2, 0), received(3, 0)]);
    }

    #[tokio::test]
    async fn sessions_are_listed_by_a_range_of_ids() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = Store::open(&path, Limits::default()).unwrap();
        store.insert(vec![received(7, 0), received(8, 0), received(8, 1)]).await.unwrap();
        store
            .mark_delivered(vec![Delivered { row: 2, record: None }], received(0, 0).received_at)
            .await
            .unwrap();
        let listed = |ids| sessions(&path, ids, 10).unwrap();
        let session = StoredSession {
            id: id(8),
            events: 2,
            undelivered: 1,
            first_received_at: received(0, 0).received_at,
        };
        assert_eq!(listed(id(8)..=id(9)), [session]);
        assert_eq!(listed(id(0)..=id(u128::MAX)).len(), 2);
        assert_eq!(sessions(&path, id(0)..=id(u128::MAX), 1).unwrap().len(), 1);
        assert_eq!(listed(id(1)..=id(6)), []);
        // An overwritten row is no session.
        forget(&path, id(8)).unwrap();
        assert_eq!(listed(id(0)..=id(u128::MAX)).len(), 1);
    }

    #[test]
    fn file_that_is_missing_or_no_store_is_an_error_and_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        assert!(matches!(forget(&path, id(1)), Err(StoreError::Open { .. })));
        assert!(sessions(&path, id(1)..=id(1), 1).is_err());
        assert!(!path.exists());
        fs::write(&path, "no database, but a text that is long enough to be one".repeat(99))
            .unwrap();
        assert!(forget(&path, id(1)).is_err());
    }
}
