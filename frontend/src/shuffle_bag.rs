//! Random order of the button's replies. Pure.

/// Numbers in shuffled rounds: each comes once before any comes again, and none twice in a row.
#[derive(Debug, Default)]
pub struct ShuffleBag {
    of: usize,
    round: Vec<usize>,
    last: Option<usize>,
}

impl ShuffleBag {
    /// The next of `of` numbers. Another `of` than before empties the bag (the language came).
    /// `random` gives numbers in 0..1.
    pub fn next(&mut self, of: usize, mut random: impl FnMut() -> f64) -> usize {
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
        if self.round.is_empty() {
            self.round.extend(0..of);
            // Fisher and Yates; `as` saturates, and `min` holds what a random of 1.0 would break.
            for i in (1..of).rev() {
                let j = ((random() * (i + 1) as f64) as usize).min(i);
                self.round.swap(i, j);
            }
            if self.round.last().copied() == self.last {
                self.round.reverse();
            }
        }
        self.last = self.round.pop();
        self.last.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn none_comes_again_before_all_were_shown_nor_twice_in_a_row() {
        for seed in 1..200u64 {
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 11) as f64 / (1u64 << 53) as f64
            };
            let mut bag = ShuffleBag::default();
            let mut last = None;
            for _ in 0..3 {
                let mut seen = BTreeSet::new();
                for _ in 0..43 {
                    let number = bag.next(43, &mut random);
                    assert!(number < 43 && seen.insert(number), "{number}");
                    assert_ne!(Some(number), last);
                    last = Some(number);
                }
            }
            assert!(bag.next(5, &mut random) < 5);
        }
    }

    #[test]
    fn one_number_and_none_are_no_error() {
        let mut bag = ShuffleBag::default();
        assert_eq!([bag.next(1, || 1.0), bag.next(1, || 1.0)], [0, 0]);
        assert_eq!(bag.next(0, || 0.5), 0);
    }
}
