//! Kafka client of the Kafka button: settings, producer, topic reader, schema registry.
//!
//! What happens to events that Kafka does not take is the caller's business.

mod certificates;
mod connection;
mod context;
mod decoder;
mod delivery_report;
mod error;
mod event_reader;
mod producer;
mod reader;
mod registry;
mod sasl;
mod settings;
#[cfg(test)]
mod testing;

pub use certificates::CertificateError;
pub use connection::{ConnectError, Connection};
pub use decoder::{DecodeError, Decoder};
pub use error::{BatchError, ProduceError};
pub use event_reader::EventReader;
pub use producer::Kafka;
pub use reader::{End, Reader, Start, received_at};
pub use registry::{Registry, RegistryError};
pub use sasl::SaslError;
pub use settings::{KafkaOptions, KafkaSettings, PRODUCER, SettingsError};
