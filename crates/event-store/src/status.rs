//! The store's state, which its thread keeps so that nothing is read or written for those who ask.

use super::StoreError;
use arc_swap::ArcSwapOption;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// A disk that takes longer than this for one command is reported.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Shared by the thread and its handles.
#[derive(Default)]
pub(super) struct Status {
    undelivered: AtomicU64,
    problem: ArcSwapOption<StoreError>,
    /// Since when the thread has worked at one command.
    busy_since: Mutex<Option<Instant>>,
}

impl Status {
    /// Events that are not marked as delivered.
    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Relaxed)
    }

    pub(super) fn set_undelivered(&self, events: u64) {
        self.undelivered.store(events, Relaxed);
    }

    pub(super) fn inserted(&self, events: usize) {
        self.undelivered.fetch_add(events as u64, Relaxed);
    }

    pub(super) fn delivered(&self, events: usize) {
        self.undelivered.fetch_sub(events as u64, Relaxed);
    }

    /// Why nothing can be written now, as far as is known.
    pub(super) fn problem(&self) -> Option<Arc<StoreError>> {
        let busy_since = *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        match busy_since.map(|since| since.elapsed()) {
            Some(busy) if busy > COMMAND_TIMEOUT => Some(Arc::new(StoreError::Stalled(busy))),
            _ => self.problem.load_full(),
        }
    }

    pub(super) fn set_problem(&self, problem: Option<StoreError>) {
        if problem.is_some() || self.problem.load().is_some() {
            self.problem.store(problem.map(Arc::new));
        }
    }

    pub(super) fn set_busy(&self, is_busy: bool) {
        let since = is_busy.then(Instant::now);
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn command_that_takes_too_long_is_a_problem() {
        let status = Status::default();
        status.set_busy(true);
        assert!(status.problem().is_none());
        let long_ago = Instant::now().checked_sub(2 * COMMAND_TIMEOUT);
        *status.busy_since.lock().unwrap() = long_ago;
        if long_ago.is_some() {
            assert!(matches!(*status.problem().unwrap(), StoreError::Stalled(_)));
        }
        status.set_busy(false);
        assert!(status.problem().is_none());
    }
}
