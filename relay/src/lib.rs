//! The relay of the Kafka button: takes the page's events, adds the place, forgets the address,
//! and makes the events durable.
//!
//! ```text
//!  http ──► submission ──► limits ──────► client_ip, geo ──► sink ──► kafka
//!  (edge)   (parse)        (or “later”)   (add the place)      └────► store
//! ```
//!
//! Read it in the order of a request: [`app`] puts the parts together, `http::events` is the
//! handler, [`submission`] parses, [`limits`] says whether it is too much, [`client_ip`] and [`geo`] find the place, [`sink`] decides
//! between [`kafka`] and [`store`].

pub mod app;
pub mod client_ip;
mod clock;
pub mod command_line;
pub mod config;
pub mod crash;
pub mod descriptors;
pub mod geo;
pub mod health_check;
pub mod http;
pub mod kafka;
pub mod limits;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod sink;
pub mod store;
pub mod submission;
