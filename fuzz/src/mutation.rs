//! Changes of examples, as fuzzers make them; the same for the same seed.

use fastrand::Rng;

/// Longer inputs find nothing that shorter ones do not.
const LONGEST: usize = 8192;

/// Changes of one input that are made at once, at most.
const AT_ONCE: usize = 6;

/// Bytes at which something begins or ends: numbers, texts, structures.
const TELLING: [u8; 24] = *b"\0\x01\x02\x7f\x80\xff\xfe\xc3\xed\xf4 \t\r\n\"\\,:;=[]{}";

/// Words that single changes hardly make.
const WORDS: [&[u8]; 17] = [
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"9007199254740992",
    b"18446744073709551616",
    b"\\ud800",
    b"\\u0000",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"::ffff:",
    b"for=",
    b"%25",
    b"9999-12-31T23:59:60Z",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xfe\xff\xff\xff\x0f",
    b"\xab\xcd\xefMaxMind.com",
];

/// Makes changed inputs of examples.
pub struct Mutator {
    random: Rng,
}

impl Mutator {
    /// The same seed makes the same changes.
    pub fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed) }
    }

    /// One of the examples, changed in some places.
    ///
    /// # Panics
    /// If there are no examples.
    pub fn next(&mut self, examples: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut input = examples[self.random.usize(..examples.len())].1.clone();
        for _ in 0..self.random.usize(1..=AT_ONCE) {
            let other = &examples[self.random.usize(..examples.len())].1;
            self.change(&mut input, other);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.random.usize(..=input.len());
        let part = self.part(input.len());
        match self.random.u8(..9) {
            0 if at < input.len() => input[at] ^= 1 << self.random.u8(..8),
            1 if at < input.len() => input[at] = self.random.u8(..),
            2 if at < input.len() => input[at] = TELLING[self.random.usize(..TELLING.len())],
            3 => drop(input.drain(part)),
            4 => {
                let copy = input[part].to_vec();
                input.splice(at..at, copy);
            }
            5 => {
                let part = self.part(other.len());
                input.splice(at..at, other[part].iter().copied());
            }
            6 => {
                let word = WORDS[self.random.usize(..WORDS.len())];
                // In the place of something, or between.
                let end = (at + self.random.usize(..=word.len())).min(input.len());
                input.splice(at..end, word.iter().copied());
            }
            7 => input.truncate(at),
            _ => input.insert(at, self.random.u8(..)),
        }
    }

    fn part(&mut self, of: usize) -> std::ops::Range<usize> {
        let start = self.random.usize(..=of);
        start..self.random.usize(start..=(start + 64).min(of))
    }
}
