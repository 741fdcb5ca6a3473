//! The page: one button, and an outbox that loses nothing.
//!
//! ```text
//!  browser/seams.js ───► Session: counts ──► Outbox: keeps, sends, forgets ──► browser/seams.js
//!    (what happens)                              │  ▲
//!                                              storage (localStorage, or memory)
//! ```
//!
//! The cores are pure: [`session`], [`outbox`], [`backoff`], [`early`], [`status`], [`record`],
//! [`credit`], [`texts`], [`replies`], [`json`]. Clock, randomness, storage and transport are passed in,
//! so that they are tested natively. `browser` binds them to a real browser, `page` draws; both exist only for wasm32.

pub mod backoff;
pub mod credit;
pub mod early;
pub mod json;
pub mod outbox;
pub mod record;
pub mod replies;
pub mod session;
pub mod status;
pub mod texts;

#[cfg(target_arch = "wasm32")]
pub mod browser;
#[cfg(target_arch = "wasm32")]
pub mod page;
