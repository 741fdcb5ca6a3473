//! Routes: `GET /stats` returns the latest numbers, `GET /live` streams them as server-sent events.
//!
//! Both add the viewer's country. The numbers are serialised once for all viewers; only the country is serialised for
//! each. There are no numbers of single sessions: a session's id would have to be in the URL, which proxies and hosts
//! log beside the client's address.

use crate::feed::{LiveStats, Update};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use schemas::{Place, stats::You};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Interval of comments in an idle stream, so that proxies and phones keep the connection open.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// Sets the reconnection time in milliseconds (HTML Standard, section 9.2).
const RETRY_FIELD: &str = "retry: 2000\n\n";

/// Disables nginx's buffering of the stream.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Interface to the server that mounts the routes.
pub trait Server: Send + Sync + 'static {
    /// An error response.
    type Error: IntoResponse + Send;
    /// Held for as long as a stream is open.
    type Permit: Send + Unpin + 'static;

    /// The place of a request's client.
    fn place(&self, peer: SocketAddr, headers: &HeaderMap) -> Place;

    /// Admits one more stream.
    ///
    /// # Errors
    /// If the limit of open streams is reached.
    fn admit_stream(&self) -> Result<Self::Permit, Self::Error>;
}

/// The state of the routes.
struct Context<S> {
    live: LiveStats,
    server: Arc<S>,
    /// Ends all streams.
    shutdown: CancellationToken,
}

/// The routes, for a router of any state. The peer's address comes from [`ConnectInfo`].
pub fn routes<S: Server, T>(
    live: LiveStats,
    server: Arc<S>,
    shutdown: CancellationToken,
) -> Router<T> {
    Router::new()
        .route("/stats", get(get_stats::<S>))
        .route("/live", get(get_live::<S>))
        .with_state(Arc::new(Context { live, server, shutdown }))
}

/// The country of a request's client, whose address is forgotten.
fn viewer<S: Server>(context: &Context<S>, peer: SocketAddr, headers: &HeaderMap) -> You {
    let Place { country_code, country_name, .. } = context.server.place(peer, headers);
    You { country_code, country_name }
}

async fn get_stats<S: Server>(
    State(context): State<Arc<Context<S>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let json = with_you(&context.live.latest().json, &viewer(&context, peer, &headers));
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Appends the viewer's country as the last member of the object.
fn with_you(json: &[u8], you: &You) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    [open, b",\"you\":", to_json(you).as_bytes(), b"}"].concat()
}

/// The viewer's country as a server-sent event of the type `you`.
fn you_event(you: &You) -> String {
    format!("event: you\ndata: {}\n\n", to_json(you))
}

fn to_json(you: &You) -> String {
    // Serialisation of this type cannot fail.
    serde_json::to_string(you).unwrap_or_default()
}

async fn get_live<S: Server>(
    State(context): State<Arc<Context<S>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, S::Error> {
    let you = viewer(&context, peer, &headers);
    let permit = context.server.admit_stream()?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    let stream = Stream {
        updates: context.live.updates(),
        you: Some(you),
        shutdown: context.shutdown.clone(),
        _permit: permit,
    };
    Ok((headers, Body::from_stream(into_body_stream(stream))).into_response())
}

/// One viewer's stream.
struct Stream<P> {
    updates: watch::Receiver<Update>,
    /// The viewer's country, until it is sent.
    you: Option<You>,
    shutdown: CancellationToken,
    _permit: P,
}

impl<P> Stream<P> {
    /// The next bytes to send, or `None` at shutdown. The viewer's country is first.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(you) = self.you.take() {
            return Some(format!("{RETRY_FIELD}{}", you_event(&you)).into());
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            changed = self.updates.changed() => {
                changed.ok()?;
                Some(self.updates.borrow_and_update().event.clone())
            }
            () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => Some(KEEP_ALIVE),
        }
    }
}

/// The stream's bytes until shutdown. Each is produced only when the connection is ready for it, so a slow
/// viewer buffers no updates.
fn into_body_stream<P: Send>(
    stream: Stream<P>,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<P> {
    stream::unfold(stream, |mut stream| async move {
        let bytes = stream.next().await?;
        Some((Ok(bytes), stream))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn you() -> You {
        You { country_code: "SE".to_owned(), country_name: "Sweden".to_owned() }
    }

    fn stream(updates: watch::Receiver<Update>) -> Stream<()> {
        let updates = LiveStats::with_updates(updates).updates();
        Stream { updates, you: Some(you()), shutdown: CancellationToken::new(), _permit: () }
    }

    #[tokio::test]
    async fn slow_viewer_skips_updates() {
        let update = |number: u32| Update {
            json: Bytes::new(),
            event: format!("data: {number}\n\n").into(),
        };
        let (sender, updates) = watch::channel(update(0));
        let mut stream = stream(updates);
        assert!(stream.next().await.unwrap().starts_with(b"retry: 2000\n\nevent: you\ndata: {"));
        assert_eq!(stream.next().await.unwrap(), "data: 0\n\n");
        for number in 1..=10_000 {
            sender.send_replace(update(number));
        }
        assert_eq!(stream.next().await.unwrap(), "data: 10000\n\n");
        let more = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
        assert!(more.is_err(), "no skipped update follows");
        stream.shutdown.cancel();
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_stream_sends_keep_alive() {
        let empty = Update { json: Bytes::new(), event: Bytes::new() };
        let (_sender, updates) = watch::channel(empty);
        let mut stream = stream(updates);
        stream.next().await.unwrap();
        stream.next().await.unwrap();
        for _ in 0..3 {
            assert_eq!(stream.next().await.unwrap(), KEEP_ALIVE);
        }
    }

    #[test]
    fn with_you_appends_country_to_shared_numbers() {
        let all: Value = serde_json::from_slice(&with_you(br#"{"presses":7}"#, &you())).unwrap();
        let own = json!({"country_code": "SE", "country_name": "Sweden"});
        assert_eq!(all, json!({"presses": 7, "you": own}));
        assert_eq!(
            you_event(&you()),
            "event: you\ndata: {\"country_code\":\"SE\",\"country_name\":\"Sweden\"}\n\n"
        );
    }
}
