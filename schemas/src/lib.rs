//! The contract of the Kafka button, stated once.
//!
//! ```text
//!  page ── EventBatch (JSON) ──► relay ── ButtonPress (Avro) ──► Kafka ──► SQL tables
//!       ◄── Receipt   (JSON) ──
//! ```
//!
//! - [`Event`]: what the page knows: action, count, time.
//! - [`EventBatch`] and [`Receipt`]: question and answer of `POST /api/events`.
//! - [`Place`]: what the relay adds.
//! - [`stats`]: the live numbers, of `GET /api/stats` and `GET /api/live`.
//! - `ButtonPress` (feature `avro`): the whole record, as it is in Kafka and in every table, its
//!   canonical Avro schema `button_presses.avsc`, the Confluent frame and the SQL that goes with it.
//!
//! This crate does no input or output and knows nothing of HTTP, Kafka or browsers.

mod event;
mod place;
pub mod stats;
mod text;
mod timestamp;
mod wire;

#[cfg(feature = "avro")]
pub mod avro;
#[cfg(feature = "avro")]
mod button_press;
#[cfg(feature = "avro")]
pub mod frame;
#[cfg(feature = "avro")]
mod received;
#[cfg(feature = "avro")]
pub mod sql;
#[cfg(feature = "avro")]
mod writer;

pub use event::{Action, Event, MAX_COUNT};
pub use place::Place;
pub use timestamp::Timestamp;
pub use wire::{
    EventBatch, EventRejection, MAX_REQUEST_BYTES, Problem, RECEIPT_HEADER, Receipt, RejectReason,
};

#[cfg(feature = "avro")]
pub use button_press::ButtonPress;
#[cfg(feature = "avro")]
pub use received::Received;

// The identity of a session and the time type are part of the contract's interface.
pub use chrono;
pub use uuid::{self, Uuid};
