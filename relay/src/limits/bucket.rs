//! How much of something may happen in a time. Pure: the clock is passed in.
//!
//! It is the generic cell rate algorithm (ITU-T I.371, annex A) in its form with one number: the
//! moment at which the bucket will be full again. A bucket that was left alone for long enough is a
//! full one, so nothing needs to be kept of it, and forgetting it gives nothing away.

use std::time::Duration;

/// Nanoseconds since the relay began to count; 584 years of them fit.
pub(super) type Nanos = u64;

/// So much may happen at once, as a time of the steady rate.
const BURST: Duration = Duration::from_secs(10);

/// A steady rate, and ten seconds' worth of it at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// What one costs; 0 where there is no limit.
    each: Nanos,
}

impl Rate {
    /// So many a second; 0 is any number.
    pub(super) fn per_second(number: u32) -> Self {
        Self { each: 1_000_000_000_u64.checked_div(number.into()).unwrap_or(0) }
    }

    /// How long to wait until something may be taken from the bucket that will be full at `full_at`.
    ///
    /// What is taken may be more than is in there: then the next one waits for longer. So everything
    /// comes through some day, however much it is at once, and the rate is kept all the same.
    pub(super) fn wait(self, full_at: Nanos, now: Nanos) -> Option<Duration> {
        let enough_at = full_at.saturating_sub(BURST.as_nanos() as Nanos);
        (self.each > 0 && enough_at > now).then(|| Duration::from_nanos(enough_at - now))
    }

    /// When the bucket will be full after something was taken from it.
    pub(super) fn take(self, full_at: Nanos, amount: usize, now: Nanos) -> Nanos {
        full_at.max(now).saturating_add(self.each.saturating_mul(amount as Nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    /// Takes one at each of these moments, where it may, and gives how many it got.
    fn taken(rate: Rate, moments: impl IntoIterator<Item = Nanos>) -> u64 {
        let mut full_at = 0;
        let mut taken = 0;
        for now in moments {
            if rate.wait(full_at, now).is_none() {
                full_at = rate.take(full_at, 1, now);
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn ten_seconds_worth_comes_at_once_and_then_the_rate() {
        let rate = Rate::per_second(20);
        let at_once = taken(rate, std::iter::repeat_n(7, 1000));
        assert!((200..=201).contains(&at_once), "{at_once}");
        // A thousand a second for a minute.
        let flood = taken(rate, (0..60_000).map(|ms| ms * SECOND / 1000));
        assert!((1400..=1402).contains(&flood), "{flood}");
        // Below the rate nobody notices it.
        assert_eq!(taken(rate, (0..1000).map(|n| n * SECOND / 20)), 1000);
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(taken(Rate::per_second(0), std::iter::repeat_n(0, 10_000)), 10_000);
    }

    proptest! {
        /// Whatever is taken and whenever, no more than the rate and one burst comes through, and
        /// whoever waits as long as they are told gets something.
        #[test]
        fn the_rate_is_kept_and_a_wait_is_enough(
            per_second in 1..2000_u32,
            steps in prop::collection::vec((0..3 * SECOND, 1..2000_usize), 1..200),
        ) {
            let rate = Rate::per_second(per_second);
            let (mut now, mut full_at, mut total, mut last) = (0, 0, 0, 0);
            for (pause, amount) in steps {
                now += pause;
                if let Some(wait) = rate.wait(full_at, now) {
                    let later = now + wait.as_nanos() as Nanos;
                    prop_assert!(rate.wait(full_at, later).is_none());
                    continue;
                }
                full_at = rate.take(full_at, amount, now);
                total += amount as u64;
                last = amount as u64;
            }
            // The last one may have been taken in advance.
            let most = u64::from(per_second) * (now / SECOND + 1 + BURST.as_secs()) + last;
            prop_assert!(total <= most + most / 100, "{total} of {most}");
        }
    }
}
