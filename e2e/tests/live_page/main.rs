//! The big screen in real browsers of three engines: numbers that move at once, relays that go and
//! come back, pages that stay open for days.
//!
//! What a test asks a browser itself about (its memory, its network) is asked in Chromium alone, whose
//! driver tells.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod numbers;
mod pretended;
mod screen;
mod stand;
