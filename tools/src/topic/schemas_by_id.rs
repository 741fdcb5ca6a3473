//! From messages to events, each by the schema that it was written with.

use anyhow::Context;
use kafka_client::Registry;
use schemas::{ButtonPress, avro, frame};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use url::Url;

/// Why a message is no event.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It has no value.
    #[error("it has no value")]
    Empty,
    /// It does not begin as the registry's wire format does.
    #[error("{0}")]
    Frame(#[from] frame::FrameError),
    /// The registry does not know the schema that it names.
    #[error("the registry knows no schema with the id {0}")]
    UnknownSchema(u32),
    /// Its schema is not one that events are written with.
    #[error("its schema, with the id {id}, is none of a button press: {reason}")]
    Schema {
        /// The schema's id.
        id: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// Its bytes do not fit its schema.
    #[error("{0}")]
    Datum(#[from] avro::DecodeError),
}

/// The schemas that the registry knows. One that it does not know is queried again now and then.
pub struct SchemasById {
    registry: Registry,
    runtime: Runtime,
    known: HashMap<u32, Result<avro::Decoder, String>>,
    /// Ids that the registry did not know, and when it was queried.
    unknown: HashMap<u32, Instant>,
    latest: Option<u32>,
}

/// Interval between two queries for a schema that the registry does not have.
const UNKNOWN_RETRY_INTERVAL: Duration = Duration::from_secs(10);

impl SchemasById {
    /// Nothing is asked yet.
    pub fn new(registry: Url) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("a runtime for the registry")?;
        Ok(Self {
            registry: Registry::new(registry)?,
            runtime,
            known: HashMap::new(),
            unknown: HashMap::new(),
            latest: None,
        })
    }

    /// The event in a message's value. The outer error is the registry's: nothing can be read without
    /// it.
    pub fn decode(
        &mut self,
        value: Option<&[u8]>,
    ) -> anyhow::Result<Result<ButtonPress, Unreadable>> {
        let Some(value) = value else { return Ok(Err(Unreadable::Empty)) };
        let (id, datum) = match frame::split(value) {
            Ok(parts) => parts,
            Err(error) => return Ok(Err(error.into())),
        };
        if self.latest != Some(id) && !self.known.contains_key(&id) {
            if self.unknown.get(&id).is_some_and(|at| at.elapsed() < UNKNOWN_RETRY_INTERVAL) {
                return Ok(Err(Unreadable::UnknownSchema(id)));
            }
            let Some(text) = self.runtime.block_on(self.registry.schema(id))? else {
                self.unknown.insert(id, Instant::now());
                return Ok(Err(Unreadable::UnknownSchema(id)));
            };
            self.unknown.remove(&id);
            let schema = avro::Decoder::for_writer(&text).map_err(|error| error.to_string());
            self.known.insert(id, schema);
        }
        self.latest = Some(id);
        Ok(match self.known.get_mut(&id) {
            Some(Ok(decoder)) => decoder.decode(datum).map_err(Unreadable::from),
            Some(Err(reason)) => Err(Unreadable::Schema { id, reason: reason.clone() }),
            None => Err(Unreadable::UnknownSchema(id)),
        })
    }
}
