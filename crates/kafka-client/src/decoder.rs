//! Decoder of messages, each by the schema that it was written with.

use crate::{Registry, RegistryError};
use schemas::{Received, Timestamp, avro, frame};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Delay between two queries to a registry that does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Interval between two queries for a schema that the registry does not have: one that lost its data may
/// get it back.
const UNKNOWN_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Messages whose schema is unknown for longer are dropped.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(600);

/// Schemas that messages may wait for: anything can be in the topic, with any id in it.
const MAX_UNKNOWN: usize = 100;

/// Bytes of messages that wait for their schemas.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// Knows the schemas that messages were written with, by their ids.
pub(crate) struct Decoder {
    registry: Registry,
    runtime: Handle,
    /// `None` for a schema that is none of a button press.
    schemas: BTreeMap<u32, Option<avro::Decoder>>,
    /// The ids that the registry does not know.
    unknown: BTreeMap<u32, Unknown>,
    waiting_bytes: usize,
}

/// A schema that the registry does not have, and the messages that name it.
struct Unknown {
    since: Instant,
    queried: Instant,
    messages: Vec<(Vec<u8>, Timestamp)>,
}

/// What a message is, as far as is known.
pub(crate) enum Decoded {
    /// An event.
    Event(Received),
    /// Something else.
    NotAnEvent,
    /// [`Decoder::retry`] has it later.
    Waiting,
}

impl Decoder {
    pub(crate) fn new(registry: Registry, runtime: Handle) -> Self {
        let (schemas, unknown) = (BTreeMap::new(), BTreeMap::new());
        Self { registry, runtime, schemas, unknown, waiting_bytes: 0 }
    }

    /// Decodes a message. Blocks for as long as the registry is needed and does not answer: what cannot
    /// be read now must not be left out.
    pub(crate) fn decode(
        &mut self,
        value: Option<&[u8]>,
        received_at: Timestamp,
        shutdown: &CancellationToken,
    ) -> Decoded {
        let Some((id, datum)) = value.and_then(|value| frame::split(value).ok()) else {
            return Decoded::NotAnEvent;
        };
        if !self.schemas.contains_key(&id) {
            if !self.unknown.contains_key(&id) {
                match self.query(id, shutdown) {
                    None => return Decoded::NotAnEvent,
                    Some(Some(text)) => self.add(id, &text),
                    Some(None) => self.add_unknown(id),
                }
            }
            if !self.schemas.contains_key(&id) {
                return self.keep(id, datum, received_at);
            }
        }
        self.decode_known(id, datum, received_at)
    }

    fn decode_known(&mut self, id: u32, datum: &[u8], received_at: Timestamp) -> Decoded {
        let schema = self.schemas.get_mut(&id).and_then(Option::as_mut);
        match schema.and_then(|schema| schema.decode(datum).ok()) {
            Some(press) => Decoded::Event(Received { press, received_at }),
            None => Decoded::NotAnEvent,
        }
    }

    fn add(&mut self, id: u32, text: &str) {
        self.schemas.insert(id, avro::Decoder::for_writer(text).ok());
    }

    fn add_unknown(&mut self, id: u32) {
        if self.unknown.len() >= MAX_UNKNOWN {
            return;
        }
        tracing::warn!(id, "the schema registry does not have a schema that messages name");
        let now = Instant::now();
        self.unknown.insert(id, Unknown { since: now, queried: now, messages: Vec::new() });
    }

    /// Keeps a message until its schema is known, if there is room.
    fn keep(&mut self, id: u32, datum: &[u8], received_at: Timestamp) -> Decoded {
        match self.unknown.get_mut(&id) {
            Some(unknown) if self.waiting_bytes + datum.len() <= MAX_WAITING_BYTES => {
                self.waiting_bytes += datum.len();
                unknown.messages.push((datum.to_vec(), received_at));
                Decoded::Waiting
            }
            _ => Decoded::NotAnEvent,
        }
    }

    /// Queries the registry for schemas that it did not have some time ago. Gives what has become of the
    /// messages that have waited for one.
    pub(crate) fn retry(&mut self, shutdown: &CancellationToken, mut take: impl FnMut(Decoded)) {
        let is_due = |unknown: &Unknown| unknown.queried.elapsed() >= UNKNOWN_RETRY_INTERVAL;
        let due = self.unknown.iter().filter(|(_, unknown)| is_due(unknown));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            // It ends with the relay.
            let Some(text) = self.query(id, shutdown) else { return };
            if let Some(unknown) = self.unknown.get_mut(&id)
                && text.is_none()
                && unknown.since.elapsed() < UNKNOWN_TIMEOUT
            {
                unknown.queried = Instant::now();
                continue;
            }
            let Some(unknown) = self.unknown.remove(&id) else { continue };
            match text {
                Some(text) => self.add(id, &text),
                None => tracing::error!(
                    id,
                    messages = unknown.messages.len(),
                    "messages are not counted, since the schema registry does not have their schema"
                ),
            }
            for (datum, received_at) in unknown.messages {
                self.waiting_bytes -= datum.len();
                take(self.decode_known(id, &datum, received_at));
            }
        }
    }

    /// The text of a schema, or `None` within for an id that the registry does not know. `None` when the
    /// relay ends meanwhile.
    fn query(&self, id: u32, shutdown: &CancellationToken) -> Option<Option<String>> {
        let query = async {
            let mut logged = String::new();
            loop {
                match self.registry.schema(id).await {
                    Ok(text) => return text,
                    Err(RegistryError::Incompatible { .. }) => return None,
                    Err(error) => {
                        let text = format!("{:#}", anyhow::Error::new(error));
                        if text != logged {
                            tracing::warn!(id, "messages wait for their schema: {text}");
                            logged = text;
                        }
                        tokio::time::sleep(RETRY_DELAY).await;
                    }
                }
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                schema = query => Some(schema),
                () = shutdown.cancelled() => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Router, extract::State, http::StatusCode, routing::get};
    use schemas::{Action, ButtonPress, Event, Place, Uuid, avro::Encoder, frame::Messages};
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    };
    use tokio::runtime::Runtime;

    /// A registry that has our schema under the id 7, once `has_it` is set.
    fn registry(runtime: &Runtime) -> (Registry, Arc<AtomicBool>) {
        let has_it = Arc::new(AtomicBool::new(false));
        let answer = async |State(has_it): State<Arc<AtomicBool>>| match has_it.load(Relaxed) {
            true => {
                let body = serde_json::json!({ "schema": avro::SCHEMA_TEXT });
                (StatusCode::OK, body.to_string())
            }
            false => (StatusCode::NOT_FOUND, "{\"error_code\":40403}".to_owned()),
        };
        let routes = Router::new().route("/schemas/ids/7", get(answer)).with_state(has_it.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        (Registry::new(url).unwrap(), has_it)
    }

    fn press(count: u64) -> (ButtonPress, Timestamp) {
        let time = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let event = Event { timestamp: time, action: Action::PressButton, count };
        let session_id = Uuid::from_u128(9);
        (ButtonPress { session_id, event, place: Place::unknown().into(), cohort: None }, time)
    }

    #[test]
    fn messages_wait_for_a_schema_that_the_registry_has_later() {
        let runtime = Runtime::new().unwrap();
        let (registry, has_it) = registry(&runtime);
        let mut decoder = Decoder::new(registry, runtime.handle().clone());
        let shutdown = CancellationToken::new();
        let encoder = Encoder::new().unwrap();
        let mut messages = Messages::new(&encoder, 7);
        for count in 0..3 {
            let (press, time) = press(count);
            let message = messages.of(&press).unwrap().to_vec();
            assert!(matches!(decoder.decode(Some(&message), time, &shutdown), Decoded::Waiting));
        }
        let retry = |decoder: &mut Decoder| {
            if let Some(unknown) = decoder.unknown.get_mut(&7) {
                unknown.queried -= UNKNOWN_RETRY_INTERVAL;
            }
            let mut counts = Vec::new();
            decoder.retry(&shutdown, |decoded| match decoded {
                Decoded::Event(event) => counts.push(event.press.event.count),
                Decoded::NotAnEvent | Decoded::Waiting => counts.push(u64::MAX),
            });
            counts
        };
        assert!(retry(&mut decoder).is_empty());
        has_it.store(true, Relaxed);
        assert_eq!(retry(&mut decoder), [0, 1, 2]);
        assert_eq!(decoder.waiting_bytes, 0);
        let (press, time) = press(3);
        let message = messages.of(&press).unwrap().to_vec();
        assert!(matches!(decoder.decode(Some(&message), time, &shutdown), Decoded::Event(_)));
    }

    #[test]
    fn messages_are_given_up_after_a_time() {
        let runtime = Runtime::new().unwrap();
        let (registry, _) = registry(&runtime);
        let mut decoder = Decoder::new(registry, runtime.handle().clone());
        let shutdown = CancellationToken::new();
        let encoder = Encoder::new().unwrap();
        let (press, time) = press(0);
        let message = Messages::new(&encoder, 7).of(&press).unwrap().to_vec();
        decoder.decode(Some(&message), time, &shutdown);
        let unknown = decoder.unknown.get_mut(&7).unwrap();
        unknown.since -= UNKNOWN_TIMEOUT;
        unknown.queried -= UNKNOWN_TIMEOUT;
        let mut lost = 0;
        decoder.retry(&shutdown, |decoded| {
            lost += usize::from(matches!(decoded, Decoded::NotAnEvent));
        });
        assert_eq!((lost, decoder.waiting_bytes, decoder.unknown.len()), (1, 0, 0));
    }
}
