//! Sources of the live numbers: the topic when Kafka is configured, so that several relays agree; the store
//! when not. Both from the beginning.

mod decode;
mod source;

pub use source::{StoreSource, TopicSource};
