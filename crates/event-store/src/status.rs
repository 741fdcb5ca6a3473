//! Status of the store, maintained by the worker, so that reading it needs no disk access.

use super::StoreError;
use arc_swap::ArcSwapOption;
use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Time for one command, after which the disk counts as stalled.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Shared by the worker and its handles.
#[derive(Default)]
pub(super) struct Status {
    undelivered: AtomicU64,
    problem: ArcSwapOption<StoreError>,
    /// Start of the command that the worker executes.
    busy_since: Mutex<Option<Instant>>,
    /// Number of commits since the start.
    commits: Mutex<u64>,
    committed: Condvar,
}

impl Status {
    /// Events that are not marked as delivered.
    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Relaxed)
    }

    pub(super) fn set_undelivered(&self, events: u64) {
        self.undelivered.store(events, Relaxed);
    }

    /// Records a commit of new events, and wakes the threads that wait for one.
    pub(super) fn record_commit(&self, inserted: usize) {
        self.undelivered.fetch_add(inserted as u64, Relaxed);
        *lock(&self.commits) += 1;
        self.committed.notify_all();
    }

    /// Records that so many events were delivered or deleted.
    pub(super) fn remove_undelivered(&self, events: usize) {
        self.undelivered.fetch_sub(events as u64, Relaxed);
    }

    /// The number of commits.
    pub(super) fn commits(&self) -> u64 {
        *lock(&self.commits)
    }

    /// Blocks until there are more than `commits`, or until the timeout; returns the number of commits.
    pub(super) fn wait_for_commit(&self, commits: u64, timeout: Duration) -> u64 {
        let count = lock(&self.commits);
        let waited = self.committed.wait_timeout_while(count, timeout, |count| *count <= commits);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Why nothing can be written, as of the last command or check.
    pub(super) fn problem(&self) -> Option<Arc<StoreError>> {
        let busy_since = *lock(&self.busy_since);
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
        *lock(&self.busy_since) = is_busy.then(Instant::now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::thread;

    #[test]
    fn command_beyond_timeout_is_a_problem() {
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

    #[test]
    fn commit_wakes_waiting_thread() {
        let status = Arc::new(Status::default());
        assert_eq!(status.wait_for_commit(0, Duration::from_millis(1)), 0);
        let start = Instant::now();
        let worker = Arc::clone(&status);
        let committing = thread::spawn(move || worker.record_commit(1));
        assert_eq!(status.wait_for_commit(0, Duration::from_secs(60)), 1);
        assert!(start.elapsed() < Duration::from_secs(30));
        committing.join().unwrap();
        // An earlier commit is not waited for.
        assert_eq!(status.wait_for_commit(0, Duration::from_secs(60)), 1);
    }
}
