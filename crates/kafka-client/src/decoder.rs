//! Decoder of messages, each by the schema that it was written with.

use crate::{Registry, RegistryError};
use schemas::{ButtonPress, avro, frame};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Interval between two queries for a schema that the registry does not have: one that lost its data may
/// get it back.
const UNKNOWN_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Ids that the registry does not have and that are remembered: anything can be in the topic, with any id
/// in it.
const MAX_UNKNOWN: usize = 10_000;

/// Why a message is not an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It has no value.
    #[error("it has no value")]
    Empty,
    /// It does not begin as the registry's wire format does.
    #[error(transparent)]
    Frame(#[from] frame::FrameError),
    /// The schema that it names has to be loaded first: [`Decoder::load_schema`].
    #[error("its schema, with the id {0}, has not been loaded")]
    SchemaNotLoaded(u32),
    /// The registry does not have the schema that it names.
    #[error("the registry knows no schema with the id {0}")]
    UnknownSchema(u32),
    /// Its schema is not one that events are written with.
    #[error("its schema, with the id {id}, is none of a button press: {reason}")]
    Schema {
        /// The schema's id.
        id: u32,
        /// Why it is not.
        reason: String,
    },
    /// Its bytes do not fit its schema.
    #[error(transparent)]
    Datum(#[from] avro::DecodeError),
}

/// Decoder with a cache of the registry's schemas by their ids.
pub struct Decoder {
    registry: Registry,
    schemas: HashMap<u32, Result<avro::Decoder, String>>,
    /// Ids that the registry does not have, and when it was last queried for them.
    unknown: HashMap<u32, Instant>,
}

impl Decoder {
    /// Creates a decoder with an empty cache.
    pub fn new(registry: Registry) -> Self {
        Self { registry, schemas: HashMap::new(), unknown: HashMap::new() }
    }

    /// Decodes the value of a message.
    ///
    /// # Errors
    /// Why it is not an event. After [`DecodeError::SchemaNotLoaded`] the caller loads the schema and decodes
    /// the value again.
    pub fn decode(&mut self, value: Option<&[u8]>) -> Result<ButtonPress, DecodeError> {
        let (id, datum) = frame::split(value.ok_or(DecodeError::Empty)?)?;
        match self.schemas.get_mut(&id) {
            Some(Ok(schema)) => Ok(schema.decode(datum)?),
            Some(Err(reason)) => Err(DecodeError::Schema { id, reason: reason.clone() }),
            None => match self.unknown.get(&id) {
                Some(queried) if queried.elapsed() < UNKNOWN_RETRY_INTERVAL => {
                    Err(DecodeError::UnknownSchema(id))
                }
                _ => Err(DecodeError::SchemaNotLoaded(id)),
            },
        }
    }

    /// Loads a schema from the registry into the cache. That the registry does not have it is cached too, for
    /// 10 s.
    ///
    /// # Errors
    /// If the registry does not answer, or denies access.
    pub async fn load_schema(&mut self, id: u32) -> Result<(), RegistryError> {
        match self.registry.schema(id).await? {
            Some(text) => {
                let schema = avro::Decoder::for_writer(&text).map_err(|error| error.to_string());
                self.schemas.insert(id, schema);
                self.unknown.remove(&id);
            }
            None => {
                if self.unknown.len() >= MAX_UNKNOWN {
                    self.unknown.clear();
                }
                self.unknown.insert(id, Instant::now());
            }
        }
        Ok(())
    }

    /// Makes a schema that the registry did not have due for another query.
    #[cfg(test)]
    pub(crate) fn pass_retry_interval(&mut self, id: u32) {
        if let Some(queried) = self.unknown.get_mut(&id) {
            *queried -= UNKNOWN_RETRY_INTERVAL;
        }
    }
}
