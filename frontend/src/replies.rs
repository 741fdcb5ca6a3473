//! In which order the button's replies come. Pure.

/// Deals numbers in shuffled rounds: each comes once before any comes again, and none twice in a
/// row.
#[derive(Debug, Default)]
pub struct Deck {
    of: usize,
    round: Vec<usize>,
    last: Option<usize>,
}

impl Deck {
    /// The next of `of` cards. Another number than before is another deck (the language came).
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
            let mut deck = Deck::default();
            let mut last = None;
            for _ in 0..3 {
                let mut seen = BTreeSet::new();
                for _ in 0..43 {
                    let card = deck.next(43, &mut random);
                    assert!(card < 43 && seen.insert(card), "{card}");
                    assert_ne!(Some(card), last);
                    last = Some(card);
                }
            }
            assert!(deck.next(5, &mut random) < 5);
        }
    }

    #[test]
    fn a_deck_of_one_and_of_none_do_no_harm() {
        let mut deck = Deck::default();
        assert_eq!([deck.next(1, || 1.0), deck.next(1, || 1.0)], [0, 0]);
        assert_eq!(deck.next(0, || 0.5), 0);
    }
}
