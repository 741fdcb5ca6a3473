//! The page: one button, and an outbox that loses nothing.
//!
//! ```text
//!  browser/lifecycle ──► Session: counts ──► Outbox: keeps, sends, forgets ──► browser/transport
//!  page/button     ──►                          │  ▲
//!                                              storage (localStorage, or memory)
//! ```
//!
//! The cores are pure: [`session`], [`outbox`], [`backoff`], [`early`], [`status`], [`credit`],
//! [`replies`], [`json`]. Clock, randomness, storage and transport are passed in, so that they are tested
//! natively. `browser` binds them to a real browser, `page` draws; both exist only for wasm32.

pub mod backoff;
pub mod credit;
pub mod early;
pub mod json;
pub mod outbox;
pub mod replies;
pub mod session;
pub mod status;

#[cfg(target_arch = "wasm32")]
mod browser;
#[cfg(target_arch = "wasm32")]
pub mod page;
