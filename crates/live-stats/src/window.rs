//! Sliding window of time buckets.

use std::collections::VecDeque;

/// A value for each of the latest buckets, up to the newest one in use. Buckets are numbered since 1970.
#[derive(Debug)]
pub(crate) struct Window<T> {
    /// Oldest first.
    buckets: VecDeque<T>,
    newest: i64,
}

impl<T: Default> Window<T> {
    pub(crate) fn new(length: usize) -> Self {
        let buckets = std::iter::repeat_with(T::default).take(length).collect();
        Self { buckets, newest: i64::MIN }
    }

    /// The value of a bucket; `None` if it is older than the window. A newer bucket moves the window, so
    /// the same buckets remain whatever their order.
    pub(crate) fn bucket(&mut self, number: i64) -> Option<&mut T> {
        if number > self.newest {
            let length = self.buckets.len();
            let shift = usize::try_from(number.saturating_sub(self.newest)).unwrap_or(length);
            self.buckets.drain(..shift.min(length));
            self.buckets.resize_with(length, T::default);
            self.newest = number;
        }
        let index = self.index(number)?;
        self.buckets.get_mut(index)
    }

    /// The values of the window that ends with bucket `last`, oldest first; `None` outside of this window.
    pub(crate) fn ending_at(&self, last: i64) -> impl Iterator<Item = Option<&T>> {
        let first = last - self.buckets.len() as i64 + 1;
        (first..=last).map(|number| self.buckets.get(self.index(number)?))
    }

    fn index(&self, number: i64) -> Option<usize> {
        let age = usize::try_from(self.newest.saturating_sub(number)).ok()?;
        self.buckets.len().checked_sub(1)?.checked_sub(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(window: &Window<u32>, last: i64) -> Vec<u32> {
        window.ending_at(last).map(|bucket| bucket.copied().unwrap_or(0)).collect()
    }

    #[test]
    fn bucket_older_than_window_is_dropped() {
        let mut window = Window::new(3);
        for number in [10, 11, 11, 12] {
            *window.bucket(number).unwrap_or(&mut 0) += 1;
        }
        assert_eq!(counts(&window, 12), [1, 2, 1]);
        assert_eq!(counts(&window, 13), [2, 1, 0]);
        assert_eq!(counts(&window, 99), [0, 0, 0]);
        assert!(window.bucket(9).is_none());
        assert!(window.bucket(i64::MAX).is_some(), "a long gap takes no time");
    }

    proptest! {
        #[test]
        fn order_of_buckets_does_not_matter(numbers in prop::collection::vec(0_i64..40, 1..60)) {
            let fill = |numbers: &[i64]| {
                let mut window = Window::<u32>::new(10);
                for number in numbers {
                    if let Some(count) = window.bucket(*number) {
                        *count += 1;
                    }
                }
                counts(&window, 40)
            };
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let expected: Vec<u32> = (31..=40)
                .map(|number| {
                    let newest = sorted.last().copied().unwrap_or(0);
                    let count = sorted.iter().filter(|other| **other == number).count() as u32;
                    if number > newest - 10 { count } else { 0 }
                })
                .collect();
            prop_assert_eq!(&fill(&numbers), &expected);
            prop_assert_eq!(&fill(&sorted), &expected);
            sorted.reverse();
            prop_assert_eq!(&fill(&sorted), &expected);
        }
    }
}
