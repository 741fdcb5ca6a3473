//! Every target on its examples and on some thousand changes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use fuzz::{Mutator, TARGETS, Target, examples};
use std::time::{Duration, Instant};

/// For one target; what is not tried by then is left to `cargo xtask fuzz`.
const LIMIT: Duration = Duration::from_secs(5);

/// Nothing that is read may take longer, even where nothing is optimised.
const SLOW: Duration = Duration::from_secs(2);

/// Shows the input if the target panics.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, by these {} bytes: \"{}\"", self.0, self.1.len(), self.1.escape_ascii());
        }
    }
}

fn run(target: Target, what: &str, input: &[u8]) {
    let shown = Shown(what, input);
    let start = Instant::now();
    (target.run)(input);
    assert!(start.elapsed() < SLOW, "{} takes {:?}", target.name, start.elapsed());
    drop(shown);
}

fn fuzz(name: &str) {
    let target = fuzz::target(name).unwrap();
    let examples = examples(name);
    for (name, input) in &examples {
        run(target, name, input);
    }
    let mut mutator = Mutator::new(1);
    let start = Instant::now();
    let mut tried = 0;
    while tried < target.tries && start.elapsed() < LIMIT {
        run(target, "a change", &mutator.next(&examples));
        tried += 1;
    }
    println!("{name}: {} examples, {tried} changes", examples.len());
}

macro_rules! tests {
    ($($name:ident),+) => {
        $(#[test]
        fn $name() {
            fuzz(stringify!($name));
        })+

        #[test]
        fn no_target_is_left_out() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),+]);
        }
    };
}

tests!(body, forwarded, avro, avro_schema, frame, mmdb, outbox, fold);
