//! Notification of commits, for a thread that waits for them.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// How often something was committed; clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Commits(Arc<(Mutex<u64>, Condvar)>);

impl Commits {
    /// One more.
    pub(super) fn add(&self) {
        let (commits, changed) = &*self.0;
        *commits.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        changed.notify_all();
    }

    /// Waits until there are more than these, or until the timeout; returns how many there are.
    pub(super) fn wait_for_more(&self, known: u64, timeout: Duration) -> u64 {
        let (commits, changed) = &*self.0;
        let commits = commits.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(commits, timeout, |commits| *commits <= known);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Instant};

    #[test]
    fn waiting_thread_is_woken() {
        let commits = Commits::default();
        assert_eq!(commits.wait_for_more(0, Duration::from_millis(1)), 0);
        let start = Instant::now();
        let other = commits.clone();
        let adding = thread::spawn(move || other.add());
        assert_eq!(commits.wait_for_more(0, Duration::from_secs(60)), 1);
        assert!(start.elapsed() < Duration::from_secs(30));
        assert!(adding.join().is_ok());
        // What was committed before is not waited for.
        assert_eq!(commits.wait_for_more(0, Duration::from_secs(60)), 1);
    }
}
