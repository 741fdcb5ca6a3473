//! Everything that knows of Kafka: its settings, the producer, the schema registry.
//!
//! What to do when Kafka does not take an event is decided elsewhere (see [`crate::delivery`]).

mod certificates;
mod context;
mod keeper;
mod producer;
mod reader;
mod refusal;
mod registry;
mod reports;
mod settings;
#[cfg(test)]
mod testing;
mod trouble;

pub use certificates::CertificateError;
pub use producer::{Kafka, Renewal};
pub use reader::Reader;
pub use refusal::{Refusal, Refused};
pub use registry::{Registry, RegistryError};
pub use settings::{KafkaOptions, KafkaSettings, PRODUCER, SettingsError};
