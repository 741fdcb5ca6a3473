//! Sliding window: a ring of equal spans of time.

use std::collections::VecDeque;

/// One value for each of the latest spans, up to the newest that anything happened in.
#[derive(Debug)]
pub(crate) struct Window<T> {
    spans: VecDeque<T>,
    length: usize,
    /// The number of the newest span; spans are counted since 1970.
    newest: i64,
}

impl<T: Default> Window<T> {
    pub(crate) fn new(length: usize) -> Self {
        Self { spans: VecDeque::new(), length, newest: 0 }
    }

    /// The value of a span; `None` for one that is too old to be of interest. Whatever order the
    /// spans come in, the same ones are left in the end.
    pub(crate) fn span(&mut self, span: i64) -> Option<&mut T> {
        if self.spans.is_empty() {
            self.newest = span;
            self.spans.push_back(T::default());
        }
        while self.newest < span {
            // A gap longer than the window leaves nothing of what was there.
            let gap = usize::try_from(span - self.newest).unwrap_or(usize::MAX);
            if gap >= self.length {
                self.spans.clear();
                self.newest = span - 1;
            }
            self.newest += 1;
            self.spans.push_back(T::default());
            if self.spans.len() > self.length {
                self.spans.pop_front();
            }
        }
        let back = usize::try_from(self.newest - span).ok()?;
        if back >= self.length {
            return None;
        }
        while self.spans.len() <= back {
            self.spans.push_front(T::default());
        }
        let index = self.spans.len() - 1 - back;
        self.spans.get_mut(index)
    }

    /// The spans of the window that ends with `last`, oldest first; `None` where nothing happened.
    pub(crate) fn until(&self, last: i64) -> impl Iterator<Item = Option<&T>> {
        let first = last - self.length as i64 + 1;
        (first..=last).map(|span| {
            let back = usize::try_from(self.newest - span).ok()?;
            let index = self.spans.len().checked_sub(1)?.checked_sub(back)?;
            self.spans.get(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(window: &Window<u32>, last: i64) -> Vec<u32> {
        window.until(last).map(|span| span.copied().unwrap_or(0)).collect()
    }

    #[test]
    fn old_spans_are_dropped() {
        let mut window = Window::new(3);
        for span in [10, 11, 11, 12] {
            *window.span(span).unwrap_or(&mut 0) += 1;
        }
        assert_eq!(counts(&window, 12), [1, 2, 1]);
        assert_eq!(counts(&window, 13), [2, 1, 0]);
        assert_eq!(counts(&window, 99), [0, 0, 0]);
        assert!(window.span(9).is_none());
        assert!(window.span(i64::MAX).is_some(), "a leap does not take long");
    }

    proptest! {
        #[test]
        fn order_of_spans_does_not_matter(spans in prop::collection::vec(0_i64..40, 1..60)) {
            let fill = |spans: &[i64]| {
                let mut window = Window::<u32>::new(10);
                for span in spans {
                    if let Some(count) = window.span(*span) {
                        *count += 1;
                    }
                }
                counts(&window, 40)
            };
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            let expected: Vec<u32> = (31..=40)
                .map(|span| {
                    let newest = sorted.last().copied().unwrap_or(0);
                    let seen = sorted.iter().filter(|s| **s == span).count() as u32;
                    if span > newest - 10 { seen } else { 0 }
                })
                .collect();
            prop_assert_eq!(&fill(&spans), &expected);
            prop_assert_eq!(&fill(&sorted), &expected);
            sorted.reverse();
            prop_assert_eq!(&fill(&sorted), &expected);
        }
    }
}
