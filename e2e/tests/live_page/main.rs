//! The big screen in real browsers of three engines: numbers that move at once, relays that go and
//! come back, pages that stay open for days.
//!
//! | group | engines | why |
//! |---|---|---|
//! | `numbers.rs` | all | `EventSource` and its reconnection, SVG, storage over a reload |
//! | `numbers.rs`: the page does not grow | Chromium | elements are counted, which are the same in every engine |
//! | `language.rs` | all, but for the languages that a browser prefers | `Intl`, and the file of a language |
//! | `look.rs` | Chromium | only its driver sets the size of the screen and what the visitor prefers |
//! | `translated.rs` | all | what a translation does to the page's nodes |
//! | `screen.rs` | all | a stream that is held back, wake lock, full screen, pointer |
//! | memory and nodes of a page that stays open (`e2e/tests/days.rs`) | Chromium | only its driver reports them |
//!
//! What these decide is proved natively: `live/src/connection/tests.rs` (stream or polling),
//! `live/src/feed.rs` (new presses), `live/src/own.rs` (the visitor's own numbers).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod language;
mod look;
mod numbers;
mod pretended;
mod screen;
mod stand;
mod translated;
