//! Everything that knows of Kafka: its settings, the producer, the schema registry.
//!
//! What to do when Kafka does not take an event is decided elsewhere (see [`crate::delivery`]).

mod context;
mod producer;
mod registry;
mod settings;

pub use producer::{Kafka, Refusal, Refused};
pub use registry::{Registry, RegistryError};
pub use settings::{KafkaOptions, KafkaSettings, SettingsError};
