//! How long to wait after a failure: exponential backoff with full jitter. Pure.
//!
//! A hall full of phones loses its Wi-Fi at one moment and gets it back at one moment; full jitter
//! spreads their retries over the whole interval.

/// Ceiling of the wait after the first failure, in milliseconds.
const FIRST_MILLIS: f64 = 500.0;
/// Ceiling that the wait grows to.
const MAX_MILLIS: f64 = 30_000.0;
/// The longest that a server's `Retry-After` is believed: a wrong one must not silence a page.
pub const MAX_RETRY_AFTER_MILLIS: f64 = 60_000.0;

/// The state of the waiting: how many failures came in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Notes a failure and gives the wait in milliseconds. `random` lies in 0..1; `retry_after` is
    /// what the server asked for, in seconds. The longer of the two counts.
    pub fn next_delay(&mut self, random: f64, retry_after: Option<f64>) -> f64 {
        let ceiling = (FIRST_MILLIS * 2f64.powi(self.failures.min(16) as i32)).min(MAX_MILLIS);
        self.failures = self.failures.saturating_add(1);
        (ceiling * random.clamp(0.0, 1.0)).max(retry_after_millis(retry_after))
    }

    /// Something was acknowledged: the next failure is a first one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

/// A `Retry-After` of so many seconds in milliseconds, within reason; 0 without one.
pub fn retry_after_millis(seconds: Option<f64>) -> f64 {
    seconds.map_or(0.0, |seconds| (seconds * 1000.0).clamp(0.0, MAX_RETRY_AFTER_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_ceiling_and_starts_again_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<f64> = (0..8).map(|_| backoff.next_delay(1.0, None)).collect();
        assert_eq!(waits, [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 30_000.0, 30_000.0]);
        backoff.reset();
        assert!(!backoff.is_failing());
        assert_eq!(backoff.next_delay(0.5, None), 250.0);
    }

    #[test]
    fn waits_as_long_as_the_server_asks_within_reason() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.next_delay(1.0, Some(7.0)), 7000.0);
        assert_eq!(backoff.next_delay(0.0, Some(86_400.0)), 60_000.0);
        assert_eq!(backoff.next_delay(1.0, Some(0.0)), 2000.0);
        assert_eq!(backoff.next_delay(0.0, Some(f64::NAN)), 0.0);
    }
}
