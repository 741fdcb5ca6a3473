//! Everything that knows of Kafka: its settings, the producer, the schema registry.
//!
//! What to do when Kafka does not take an event is decided elsewhere (see [`crate::delivery`]).

mod context;
mod producer;
mod refusal;
mod registry;
mod settings;
mod trouble;

pub use producer::Kafka;
pub use refusal::{Refusal, Refused};
pub use registry::{Registry, RegistryError};
pub use settings::{KafkaOptions, KafkaSettings, SettingsError};
