//! The relay of the Kafka button: takes the page's events, adds the place, forgets the address,
//! and makes the events durable.
//!
//! ```text
//!  http ──► ingest ──► limits ──► ingest ──► sink ──► kafka_client
//!           parse                 place        └────► store
//! ```
//!
//! Read it in the order of a request: [`app`] puts the parts together, `http::events` is the
//! handler, [`ingest`] parses and finds the place, [`limits`] says whether it is too much, [`sink`] decides
//! between Kafka ([`kafka_client`]) and [`store`].

pub mod app;
mod clock;
pub mod command_line;
pub mod config;
mod error_chain;
pub mod health_check;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod live;
pub mod metrics;
pub mod rlimit;
mod server;
pub mod sink;
pub mod store;
pub mod telemetry;
