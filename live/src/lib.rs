//! The big screen: the live numbers on a world map (`#live`), and the same for a projector with the
//! button page's QR code (`#stand`).
//!
//! ```text
//!  browser/wire ──► Connection: stream, or questions ──► Stats ──► Feed: what is new ──► view
//! ```
//!
//! The cores are pure and tested natively: [`connection`] decides what the network is used for,
//! [`feed`] tells new presses from known ones, [`scale`] shades, [`world`] is the
//! map, [`own`] is about the visitor alone, [`spark`] and [`qr`] are drawings, [`locale`] is the
//! visitor's language, [`numbers`], [`words`] and [`address`] are texts. `bindings`
//! binds them to a real browser, `view` draws; both exist only for wasm32.

pub mod address;
pub mod connection;
pub mod feed;
pub mod locale;
pub mod numbers;
pub mod own;
pub mod qr;
pub mod scale;
pub mod spark;
pub mod words;
pub mod world;

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod view;
