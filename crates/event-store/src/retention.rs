//! Deletes rows some time after their delivery, and gives their space back.

use super::{RowId, rows};
use rusqlite::Connection;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rows that are looked at in one step, one a check. Inserts wait for it: 2 ms.
const STEP_ROWS: usize = 2000;

/// Pages that are given back in one step, beside those that new rows use again.
const STEP_PAGES: usize = 500;

/// The walk over the rows, from the first to the last and from the first again. Rows of one delivery are not next to
/// each other, so an index would be needed to find them by time, which each delivery would have to write.
pub(super) struct Retention {
    keep: Duration,
    next: RowId,
}

impl Retention {
    pub(super) fn new(keep: Duration) -> Self {
        Self { keep, next: 0 }
    }

    /// Looks at the next rows.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let delivered_before = now.saturating_sub(self.keep).as_micros();
        let delivered_before = i64::try_from(delivered_before).unwrap_or(i64::MAX);
        let last = rows::last_of_next(connection, self.next, STEP_ROWS)?;
        let Some(last) = last else {
            self.next = 0;
            return Ok(());
        };
        if rows::delete_delivered(connection, self.next, last, delivered_before)? > 0 {
            rows::give_back_pages(connection, STEP_PAGES)?;
        }
        self.next = last;
        Ok(())
    }
}
