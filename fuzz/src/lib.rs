//! Everything that reads what strangers wrote, given nonsense: none of it may panic, and what it reads
//! it has to read rightly.
//!
//! A [`Target`] is a function of bytes with assertions in it, and a folder of examples in `corpus/`. The
//! test in `tests/` runs each on its examples and on some thousand changes of them, which follow from a
//! seed; `cargo xtask fuzz` goes on for as long as one likes, and lets libFuzzer find out which changes
//! lead to code that was not reached before. What was found once becomes an example.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a property that does not hold is found by a panic"
)]

mod corpus;
mod mutation;
mod targets;

pub use corpus::examples;
pub use mutation::Mutator;

/// Something that reads bytes of strangers, with the properties that must hold for all of them.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its corpus, and of the file in `targets/`.
    pub name: &'static str,
    /// Panics where a property does not hold.
    pub run: fn(&[u8]),
    /// How many changed examples the test tries: fewer for what takes longer.
    pub tries: usize,
}

/// All there are.
pub const TARGETS: [Target; 8] = [
    Target { name: "body", run: targets::body::run, tries: 4000 },
    Target { name: "forwarded", run: targets::forwarded::run, tries: 4000 },
    Target { name: "avro", run: targets::avro::run, tries: 3000 },
    Target { name: "avro_schema", run: targets::avro_schema::run, tries: 400 },
    Target { name: "frame", run: targets::frame::run, tries: 2000 },
    Target { name: "mmdb", run: targets::mmdb::run, tries: 1500 },
    Target { name: "outbox", run: targets::outbox::run, tries: 4000 },
    Target { name: "fold", run: targets::fold::run, tries: 500 },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
