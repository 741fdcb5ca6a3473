//! Everything that knows of Kafka: its settings, the producer, the schema registry.
//!
//! What to do when Kafka does not take an event is decided elsewhere (see [`crate::sink`]).

mod certificates;
mod context;
mod keeper;
mod producer;
mod reader;
mod refusal;
mod registry;
mod reports;
mod sasl;
mod settings;
#[cfg(test)]
mod testing;
mod trouble;

pub use certificates::CertificateError;
pub use producer::Kafka;
pub use reader::Reader;
pub use refusal::{Refusal, Refused};
pub use registry::{Registry, RegistryError};
pub use sasl::SaslError;
pub use settings::{KafkaOptions, KafkaSettings, PRODUCER, SettingsError};
