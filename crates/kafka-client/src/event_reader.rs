//! Reader of a topic's events, in which messages wait for their schema: none is left out.

use crate::{
    DecodeError, Decoder, End, KafkaSettings, ProduceError, Reader, Registry, Start, received_at,
};
use rdkafka::Message;
use schemas::{ButtonPress, Received, Timestamp};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Messages that are read in one call.
const BATCH: usize = 5000;

/// Delay between two queries to a registry that does not answer.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Messages whose schema is unknown for longer are dropped.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(600);

/// Bytes of messages that wait for their schemas.
const MAX_PENDING_BYTES: usize = 8 << 20;

/// What a pending message takes beside its value: its time, and the vector of its bytes.
const PENDING_OVERHEAD: usize = 64;

/// Reads the events of one topic from its beginning, without a consumer group. It blocks.
pub struct EventReader {
    reader: Reader,
    decoder: PendingDecoder,
}

/// Decoder that keeps messages until the registry has their schema.
struct PendingDecoder {
    decoder: Decoder,
    runtime: Handle,
    /// Messages by the id of their schema, which the registry does not have.
    pending: BTreeMap<u32, Pending>,
    pending_bytes: usize,
}

/// Messages that wait for one schema.
struct Pending {
    since: Instant,
    messages: Vec<(Vec<u8>, Timestamp)>,
}

impl EventReader {
    /// Creates a reader, which sends nothing yet. The registry is queried on `runtime`.
    pub fn new(settings: KafkaSettings, registry: Registry, runtime: Handle) -> Self {
        let reader = Reader::new(settings, "kafka-button-relay", Start::Beginning, End::Never);
        Self { reader, decoder: PendingDecoder::new(registry, runtime) }
    }

    /// Calls `on_event` for each message that has arrived, and returns after `timeout` at the latest if none
    /// has: with an event, or with `None` for a message that is none. A message whose schema the registry does
    /// not have follows later.
    ///
    /// # Errors
    /// If the topic cannot be read now. The next call continues at the same message.
    pub fn read(
        &mut self,
        timeout: Duration,
        shutdown: &CancellationToken,
        on_event: &mut dyn FnMut(Option<Received>),
    ) -> Result<(), ProduceError> {
        let Self { reader, decoder } = self;
        let mut result = Ok(());
        for count in 0..BATCH {
            match reader.poll(if count == 0 { timeout } else { Duration::ZERO }) {
                Ok(Some(message)) => {
                    decoder.decode(message.payload(), received_at(&message), shutdown, on_event);
                }
                // An error behind messages is one of a broker that is away while others are not.
                Err(error) if count == 0 => {
                    result = Err(error);
                    break;
                }
                Ok(None) | Err(_) => break,
            }
        }
        decoder.decode_pending(shutdown, on_event);
        result
    }

    /// Messages read, and messages that were there at the start; `None` once all of those were read.
    pub fn progress(&self) -> Option<(u64, u64)> {
        self.reader.progress()
    }
}

impl PendingDecoder {
    fn new(registry: Registry, runtime: Handle) -> Self {
        let decoder = Decoder::new(registry);
        Self { decoder, runtime, pending: BTreeMap::new(), pending_bytes: 0 }
    }

    /// Decodes a message, or keeps it until the registry has its schema. Blocks while the registry is needed
    /// and does not answer, since no message may be left out.
    fn decode(
        &mut self,
        value: Option<&[u8]>,
        received_at: Timestamp,
        shutdown: &CancellationToken,
        on_event: &mut dyn FnMut(Option<Received>),
    ) {
        match (self.load_and_decode(value, shutdown), value) {
            (Ok(press), _) => on_event(Some(Received { press, received_at })),
            (Err(DecodeError::UnknownSchema(id)), Some(value))
                if self.pending_bytes + pending_bytes(value) <= MAX_PENDING_BYTES =>
            {
                self.pending_bytes += pending_bytes(value);
                let pending = self.pending.entry(id).or_insert_with(|| {
                    tracing::warn!(
                        id,
                        "the schema registry does not have a schema that messages name"
                    );
                    Pending { since: Instant::now(), messages: Vec::new() }
                });
                pending.messages.push((value.to_vec(), received_at));
            }
            (Err(_), _) => on_event(None),
        }
    }

    /// Decodes the messages whose schema the registry has by now, and drops those that have waited too long.
    fn decode_pending(
        &mut self,
        shutdown: &CancellationToken,
        on_event: &mut dyn FnMut(Option<Received>),
    ) {
        for id in self.pending.keys().copied().collect::<Vec<_>>() {
            let Some(pending) = self.pending.get(&id) else { continue };
            let is_expired = pending.since.elapsed() >= UNKNOWN_TIMEOUT;
            let first = pending.messages.first().map(|(value, _)| value.clone());
            let decoded = self.load_and_decode(first.as_deref(), shutdown);
            if shutdown.is_cancelled() {
                return;
            }
            let is_unknown = matches!(decoded, Err(DecodeError::UnknownSchema(_)));
            if is_unknown && !is_expired {
                continue;
            }
            let Some(Pending { messages, .. }) = self.pending.remove(&id) else { continue };
            if is_unknown {
                tracing::error!(
                    id,
                    messages = messages.len(),
                    "messages are not counted, since the schema registry does not have their schema"
                );
            }
            for (value, received_at) in messages {
                self.pending_bytes -= pending_bytes(&value);
                let press = self.decoder.decode(Some(&value)).ok();
                on_event(press.map(|press| Received { press, received_at }));
            }
        }
    }

    /// Decodes a value, after its schema was loaded if that is necessary.
    fn load_and_decode(
        &mut self,
        value: Option<&[u8]>,
        shutdown: &CancellationToken,
    ) -> Result<ButtonPress, DecodeError> {
        match self.decoder.decode(value) {
            Err(DecodeError::SchemaNotLoaded(id)) => {
                self.load_schema(id, shutdown);
                self.decoder.decode(value)
            }
            decoded => decoded,
        }
    }

    /// Loads a schema, with retries until the registry answers or the program shuts down.
    fn load_schema(&mut self, id: u32, shutdown: &CancellationToken) {
        let decoder = &mut self.decoder;
        let load = async {
            let mut logged = String::new();
            while let Err(error) = decoder.load_schema(id).await {
                let text = format!("{:#}", anyhow::Error::new(error));
                if text != logged {
                    tracing::warn!(id, "messages wait for their schema: {text}");
                    logged = text;
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                () = load => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}

fn pending_bytes(value: &[u8]) -> usize {
    value.len() + PENDING_OVERHEAD
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Router, extract::State, http::StatusCode, routing::get};
    use schemas::{
        Action, Event, Place, Uuid,
        avro::{self, Encoder},
        frame::Messages,
    };
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    };
    use tokio::runtime::Runtime;

    const ID: u32 = 7;

    /// A decoder with a registry that has our schema once `has_schema` is set.
    struct Test {
        runtime: Runtime,
        has_schema: Arc<AtomicBool>,
        decoder: PendingDecoder,
    }

    impl Test {
        fn new() -> Self {
            let runtime = Runtime::new().unwrap();
            let has_schema = Arc::new(AtomicBool::new(false));
            let answer = async |State(has_schema): State<Arc<AtomicBool>>| {
                let body = serde_json::json!({ "schema": avro::SCHEMA_TEXT });
                match has_schema.load(Relaxed) {
                    true => (StatusCode::OK, body.to_string()),
                    false => (StatusCode::NOT_FOUND, "{\"error_code\":40403}".to_owned()),
                }
            };
            let routes = Router::new().route("/schemas/ids/7", get(answer));
            let routes = routes.with_state(has_schema.clone());
            let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
            runtime.spawn(async move { axum::serve(listener, routes).await });
            let registry = Registry::new(url).unwrap();
            let decoder = PendingDecoder::new(registry, runtime.handle().clone());
            Self { runtime, has_schema, decoder }
        }

        /// The counts of the events that a call returns; -1 for what is no event.
        fn counts(
            &mut self,
            call: impl FnOnce(&mut PendingDecoder, &CancellationToken, &mut dyn FnMut(Option<Received>)),
        ) -> Vec<i64> {
            let mut counts = Vec::new();
            call(&mut self.decoder, &CancellationToken::new(), &mut |event| {
                counts.push(event.map_or(-1, |event| event.press.event.count as i64));
            });
            counts
        }

        fn decode(&mut self, value: &[u8]) -> Vec<i64> {
            self.counts(|decoder, shutdown, on_event| {
                decoder.decode(Some(value), Timestamp::EPOCH, shutdown, on_event);
            })
        }

        fn decode_pending(&mut self) -> Vec<i64> {
            self.counts(|decoder, shutdown, on_event| {
                decoder.decoder.pass_retry_interval(ID);
                decoder.decode_pending(shutdown, on_event);
            })
        }
    }

    fn message(count: u64) -> Vec<u8> {
        let timestamp = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let event = Event { timestamp, action: Action::PressButton, count };
        let (session_id, place) = (Uuid::from_u128(9), Place::unknown().into());
        let press = ButtonPress { session_id, event, place, cohort: None };
        Messages::new(&Encoder::new().unwrap(), ID).of(&press).unwrap().to_vec()
    }

    #[test]
    fn message_waits_for_schema_that_registry_has_later() {
        let mut test = Test::new();
        for count in 0..3 {
            assert!(test.decode(&message(count)).is_empty());
        }
        assert!(test.decode_pending().is_empty());
        test.has_schema.store(true, Relaxed);
        assert_eq!(test.decode_pending(), [0, 1, 2]);
        assert_eq!((test.decoder.pending_bytes, test.decoder.pending.len()), (0, 0));
        assert_eq!(test.decode(&message(3)), [3]);
    }

    #[test]
    fn message_without_schema_is_dropped_after_timeout() {
        let mut test = Test::new();
        assert!(test.decode(&message(0)).is_empty());
        test.decoder.pending.get_mut(&ID).unwrap().since -= UNKNOWN_TIMEOUT;
        assert_eq!(test.decode_pending(), [-1]);
        assert_eq!((test.decoder.pending_bytes, test.decoder.pending.len()), (0, 0));
    }

    #[test]
    fn pending_messages_are_limited() {
        let mut test = Test::new();
        // A frame without a datum.
        let empty = &message(0)[..5];
        let max = MAX_PENDING_BYTES / pending_bytes(empty);
        for _ in 0..max {
            assert!(test.decode(empty).is_empty());
        }
        assert_eq!(test.decode(empty), [-1]);
    }

    #[test]
    fn shutdown_ends_wait_for_registry() {
        let mut test = Test::new();
        test.runtime.shutdown_background();
        // Nothing answers any more.
        test.runtime = Runtime::new().unwrap();
        test.decoder.runtime = test.runtime.handle().clone();
        let shutdown = CancellationToken::new();
        let cancel = shutdown.clone();
        test.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            cancel.cancel();
        });
        let mut events = 0;
        test.decoder.decode(Some(&message(0)), Timestamp::EPOCH, &shutdown, &mut |_| events += 1);
        assert!(shutdown.is_cancelled() && events == 1);
    }
}
