//! A visitor with a real browser, the real page and the real relay: nothing is lost, nothing is
//! counted twice, whatever the network does.
//!
//! Each scenario is a function that takes the engine, and a test for each engine, so that a failure
//! has both in its name: `visit::two_tabs_are_two_sessions::firefox`. It ends with an exact account
//! of what is in the store, by (`session_id`, `count`).
//!
//! `$E2E_BROWSERS` leaves engines out, and each test that is left out says so. What an engine cannot
//! do at all is ignored, with the reason at the scenario:
//!
//! | scenario | not in | since |
//! |---|---|---|
//! | two tabs | WebKit | its driver opens tabs in the background and cannot bring them to the front; windows it can |
//! | a browser that is closed remembers | WebKit | MiniBrowser stores nothing beyond its end while it is driven |
//! | a browser that says it is offline | WebKit | its driver has no such command; networks that break are in all three |
//! | languages | WebKit | it takes the system's, of which there may be one |
//! | screens, preferences | Firefox, WebKit | only Chromium's driver can set them |
//! | a browser that refuses storage | WebKit | MiniBrowser has no such setting; there a script refuses, as in all three |

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod accessible;
mod around;
mod first_paint;
mod languages;
mod look;
mod network;
mod offline;
mod scenario;
mod visit;
