//! The relay of the Kafka button: receives the page's events, adds the place, discards the address, and
//! makes the events durable.
//!
//! ```text
//!  server ──► routes ──► ingest ──► geo_ip ──► sink ──► kafka_client
//!                        parse, limits                └─► event_store
//! ```
//!
//! Read it in the order of a request: `app` connects the parts, `routes::events` is the handler, [`ingest`]
//! parses and limits, [`geo_ip`] finds the place, `sink` routes between Kafka ([`kafka_client`]) and the store
//! ([`event_store`]).

mod app;
mod clock;
mod command;
pub mod config;
mod error_chain;
mod health_check;
pub mod ingest;
mod metrics;
mod rlimit;
mod routes;
mod server;
mod sink;
mod write_timeout;

pub use command::main;
