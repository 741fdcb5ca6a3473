//! The relay of the Kafka button: takes the page's events, adds the place, forgets the address,
//! and makes the events durable.
//!
//! ```text
//!  server ──► routes ──► ingest ─────────────────────► sink ──► kafka_client
//!                        parse, limits, client IP, geo   └────► sqlite
//! ```
//!
//! Read it in the order of a request: `app` puts the parts together, `routes::events` is the handler,
//! [`ingest`] parses, limits and finds the place, [`sink`] routes between Kafka ([`kafka_client`]) and the
//! store.

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
pub mod sink;
mod telemetry;

pub use command::main;
