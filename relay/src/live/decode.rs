//! From messages to events, by the schema that each was written with.

use crate::{
    kafka::{Registry, RegistryError},
    store::Received,
};
use schemas::{Timestamp, avro, frame};
use std::{collections::BTreeMap, time::Duration};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Between two questions to a registry that does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Knows the schemas that messages were written with, by their ids.
pub(super) struct Decoder {
    registry: Registry,
    /// `None` for an id that the registry does not know, or whose schema is none.
    schemas: BTreeMap<u32, Option<avro::Decoder>>,
    runtime: Handle,
}

impl Decoder {
    pub(super) fn new(registry: Registry, runtime: Handle) -> Self {
        Self { registry, schemas: BTreeMap::new(), runtime }
    }

    /// The event; `None` for what is none. Blocks for as long as the registry is needed and does
    /// not answer: what cannot be read now must not be left out.
    pub(super) fn decode(
        &mut self,
        value: Option<&[u8]>,
        received_at: Timestamp,
        shutdown: &CancellationToken,
    ) -> Option<Received> {
        let (id, datum) = frame::split(value?).ok()?;
        if !self.schemas.contains_key(&id) {
            let schema = self.ask(id, shutdown)?;
            self.schemas.insert(id, schema);
        }
        let press = self.schemas.get_mut(&id)?.as_mut()?.decode(datum).ok()?;
        Some(Received { press, received_at })
    }

    /// `None` when the relay ends meanwhile.
    fn ask(&self, id: u32, shutdown: &CancellationToken) -> Option<Option<avro::Decoder>> {
        let asking = async {
            loop {
                match self.registry.schema(id).await {
                    Ok(text) => return text.and_then(|text| avro::Decoder::for_writer(&text).ok()),
                    Err(error) => {
                        let text = error.to_string();
                        tracing::warn!(id, "live numbers wait for a schema: {text}");
                        if matches!(error, RegistryError::Refused { .. }) {
                            return None;
                        }
                        tokio::time::sleep(ASK_AGAIN).await;
                    }
                }
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                schema = asking => Some(schema),
                () = shutdown.cancelled() => None,
            }
        })
    }
}
