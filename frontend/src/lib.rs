//! The page: one button, and an outbox that loses nothing.
//!
//! ```text
//!  page/listeners ───► Session: counts ──► Outbox: keeps, sends, removes ──► bindings/request
//!   (what happens)                              │  ▲
//!                                             storage (localStorage, or memory)
//! ```
//!
//! The cores are pure: [`session`], [`outbox`], [`backoff`], [`early`], [`json`], [`status`],
//! [`record`], [`texts`], [`shuffle_bag`]. Clock, randomness, storage and transport are passed in, so that
//! they are tested natively. `bindings` is what they need of a real browser, `page` draws; both exist only
//! for wasm32.

pub mod backoff;
pub mod early;
pub mod json;
pub mod outbox;
pub mod record;
pub mod session;
pub mod shuffle_bag;
pub mod status;
pub mod texts;

#[cfg(target_arch = "wasm32")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod page;
