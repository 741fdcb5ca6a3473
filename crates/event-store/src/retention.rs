//! Deletes rows some time after their delivery or their receipt, and gives their space back.

use super::{Limits, RowId, rows};
use rusqlite::Connection;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rows that are looked at in one step, one a check. Inserts wait for it: 2 ms.
const STEP_ROWS: usize = 2000;

/// Pages that are given back in one step, beside those that new rows use again.
const STEP_PAGES: usize = 500;

/// The walk over the rows, from the first to the last and from the first again. Rows of one delivery are not next to
/// each other, so an index would be needed to find them by time, which each delivery would have to write.
pub(super) struct Retention {
    keep_delivered: Duration,
    keep_undelivered: Option<Duration>,
    next: RowId,
}

impl Retention {
    pub(super) fn new(limits: Limits) -> Self {
        let Limits { keep_delivered, keep_undelivered, .. } = limits;
        Self { keep_delivered, keep_undelivered, next: 0 }
    }

    /// Looks at the next rows; returns how many undelivered ones it deleted.
    pub(super) fn step(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let before = |keep: Duration| micros(now.saturating_sub(keep));
        let Some(last) = rows::last_of_next(connection, self.next, STEP_ROWS)? else {
            self.next = 0;
            return Ok(0);
        };
        let range = (self.next, last);
        let delivered = rows::delete_delivered(connection, range, before(self.keep_delivered))?;
        let expired = match self.keep_undelivered {
            Some(keep) => rows::delete_expired(connection, range, before(keep), micros(now))?,
            None => 0,
        };
        if delivered + expired > 0 {
            rows::give_back_pages(connection, STEP_PAGES)?;
        }
        self.next = last;
        Ok(expired)
    }
}
