//! What the button answers. Pure.

/// Each is shown once before any is shown again.
pub const REPLIES: &[&str] = &[
    "Nothing happened. Flawlessly.",
    "You pressed it. It noticed. That is all.",
    "Somewhere, a lamp did not turn on.",
    "Still nothing, but now with your name not on it.",
    "Congratulations: you are a producer.",
    "That press has an offset now. It will never be young again.",
    "The button thanks you for your interest in nothing.",
    "Three brokers agreed: it was a press.",
    "Exactly once, or at least once. Definitely more than never.",
    "Your finger is now part of a distributed system.",
    "No rabbits were pulled out of any queue.",
    "One small press for you, one more row for a database.",
    "The button felt that. It feels little else.",
    "A very small event took place. You were there.",
    "Nothing, freshly made for you.",
    "If a button is pressed and no consumer listens, it waits.",
    "Your press left for the log without saying goodbye.",
    "It does nothing, but it does it in order.",
    "The schema has approved of your press.",
    "A dashboard somewhere just got a little taller.",
    "You could stop. The log could not care less.",
    "Do not worry, it is only append-only.",
    "We checked. Still nothing.",
    "That was press number “one more”.",
    "The button would press you back if it could.",
    "Pressed, stamped, shelved.",
    "Nothing to see here. It is all in the topic.",
    "Ah, the famous second thought. No? Another press then.",
    "Retention is long. Your press may outlive this phone.",
    "The leader knows. The followers are catching up.",
    "Some buttons launch rockets. This one launches records.",
    "You have unlocked: the same button.",
    "Undo is not a thing that logs do.",
    "This press was partitioned with love.",
    "An engineer smiled. Or blinked. Hard to say.",
    "The lag is real, the effect is not.",
    "Please press responsibly.",
    "Nothing again. The consistency is the feature.",
    "It is not a bug. It is not even a feature.",
    "Your press has been committed. You may not be.",
    "Somebody's SELECT just counted you.",
    "A press a day keeps the consumer group awake.",
];

/// Deals the replies in shuffled rounds, so that none comes twice in a row either.
#[derive(Debug, Default)]
pub struct Replies {
    round: Vec<usize>,
    last: Option<usize>,
}

impl Replies {
    /// The next reply. `random` gives numbers in 0..1.
    pub fn next(&mut self, mut random: impl FnMut() -> f64) -> &'static str {
        if self.round.is_empty() {
            self.round = (0..REPLIES.len()).collect();
            // Fisher and Yates; `as` saturates, and `min` holds what a random of 1.0 would break.
            for i in (1..self.round.len()).rev() {
                let j = ((random() * (i + 1) as f64) as usize).min(i);
                self.round.swap(i, j);
            }
            if self.round.last().copied() == self.last {
                self.round.reverse();
            }
        }
        self.last = self.round.pop();
        self.last.and_then(|i| REPLIES.get(i)).copied().unwrap_or("")
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
            let mut replies = Replies::default();
            let mut last = "";
            for _ in 0..3 {
                let mut seen = BTreeSet::new();
                for _ in 0..REPLIES.len() {
                    let reply = replies.next(&mut random);
                    assert!(seen.insert(reply), "{reply}");
                    assert_ne!(reply, last);
                    last = reply;
                }
            }
        }
    }

    #[test]
    fn there_are_enough_and_they_fit_on_a_phone() {
        assert!(REPLIES.len() >= 25);
        assert!(REPLIES.iter().all(|reply| reply.len() <= 70));
        assert_eq!(REPLIES.iter().collect::<BTreeSet<_>>().len(), REPLIES.len());
    }
}
