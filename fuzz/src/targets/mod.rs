//! A file for each: a function of bytes, and what must hold whatever they are.

pub mod avro;
pub mod avro_schema;
pub mod body;
pub mod fold;
pub mod forwarded;
pub mod frame;
pub mod mmdb;
pub mod outbox;
