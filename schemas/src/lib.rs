//! Data types of the Kafka button, shared by all components.
//!
//! ```text
//!  page ── EventBatch (JSON) ──► relay ── ButtonPress (Avro) ──► Kafka ──► SQL tables
//!       ◄── Receipt   (JSON) ──
//! ```
//!
//! - [`Event`]: action, count and time from the page.
//! - [`EventBatch`] and [`Receipt`]: request and response of `POST /api/events`.
//! - [`Place`]: added by the relay.
//! - [`stats`]: live numbers of `GET /api/stats` and `GET /api/live`.
//! - `ButtonPress` (feature `avro`): the whole record in Kafka and in every table, with its canonical Avro
//!   schema `button_presses.avsc`, the Confluent frame and SQL.
//!
//! This crate does no input or output and depends on no library for HTTP, Kafka or browsers.

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

pub use event::{Action, Event, MAX_COUNT, MAX_SAFE_INTEGER};
pub use place::Place;
pub use timestamp::Timestamp;
pub use wire::{
    EventBatch, EventRejection, KafkaRecords, MAX_REQUEST_BYTES, PartitionRecords, Problem,
    RECEIPT_HEADER, Receipt, RecordMetadata, RecordQuery, RejectReason,
};

#[cfg(feature = "avro")]
pub use button_press::ButtonPress;
#[cfg(feature = "avro")]
pub use received::Received;

// Types of the public interface.
pub use chrono;
pub use uuid::{self, Uuid};
