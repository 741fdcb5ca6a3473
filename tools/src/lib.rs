//! The command `button`: makes events as people make them, reads them from Kafka, and finds out whether
//! any are missing.
//!
//! ```text
//!  generate ──► Kafka | relay (HTTP) | store (SQLite)
//!  tail     ◄── Kafka
//!  audit    ◄── Kafka | store | PostgreSQL
//!  forget   ──► store | PostgreSQL
//! ```
//!
//! [`generate`] plays visits, [`topic`] opens Kafka's topic, [`audit`] keeps the accounts,
//! [`forget`] deletes a session.
//! The connection's options are the relay's own ([`kafka_client::KafkaOptions`]).

pub mod audit;
pub mod cli;
pub mod forget;
pub mod generate;
pub mod moment;
pub mod postgresql;
pub mod printable;
pub mod progress;
pub mod qr;
pub mod stop;
pub mod tail;
pub mod topic;
