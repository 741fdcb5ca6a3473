//! Routes: `GET /stats` returns the latest numbers, `GET /live` streams them as server-sent events.
//!
//! Both add the viewer's own part: its country, and with `?session=…` that session's presses. The numbers are
//! serialised once for all viewers; only the own part is serialised for each.

use crate::feed::{LiveStats, Update};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use schemas::{Place, Uuid, stats::You};
use serde::Deserialize;
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
    fn place(&self, peer: SocketAddr, headers: &HeaderMap, session: Option<Uuid>) -> Place;

    /// Admits one more stream.
    ///
    /// # Errors
    /// If the limit of open streams is reached.
    fn admit_stream(&self) -> Result<Self::Permit, Self::Error>;

    /// The error response for an invalid query string.
    fn bad_query(&self, detail: String) -> Self::Error;
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

#[derive(Deserialize)]
struct Parameters {
    /// The session whose presses to add. The id is known only to the page that created it.
    session: Option<Uuid>,
}

/// A viewer, without its address.
struct Viewer {
    live: LiveStats,
    /// Code and name.
    country: (String, String),
    session: Option<Uuid>,
}

impl Viewer {
    fn new<S: Server>(
        context: &Context<S>,
        peer: SocketAddr,
        headers: &HeaderMap,
        query: Result<Query<Parameters>, QueryRejection>,
    ) -> Result<Self, S::Error> {
        let Query(Parameters { session }) =
            query.map_err(|error| context.server.bad_query(error.body_text()))?;
        let place = context.server.place(peer, headers, session);
        let country = (place.country_code, place.country_name);
        Ok(Self { live: context.live.clone(), country, session })
    }

    fn you(&self) -> You {
        You {
            country_code: self.country.0.clone(),
            country_name: self.country.1.clone(),
            presses: self.session.and_then(|session| self.live.presses_of(session)),
        }
    }
}

async fn get_stats<S: Server>(
    State(context): State<Arc<Context<S>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, S::Error> {
    let viewer = Viewer::new(&context, peer, &headers, query)?;
    let json = with_you(&context.live.latest().json, &viewer.you());
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Appends the viewer's own part as the last member of the object.
fn with_you(json: &[u8], you: &You) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    [open, b",\"you\":", to_json(you).as_bytes(), b"}"].concat()
}

/// The viewer's own part as a server-sent event of the type `you`.
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
    query: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, S::Error> {
    let viewer = Viewer::new(&context, peer, &headers, query)?;
    let permit = context.server.admit_stream()?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    let stream = Stream {
        updates: context.live.updates(),
        sent: None,
        pending: None,
        viewer,
        shutdown: context.shutdown.clone(),
        _permit: permit,
    };
    Ok((headers, Body::from_stream(into_body_stream(stream))).into_response())
}

/// One viewer's stream.
struct Stream<P> {
    updates: watch::Receiver<Update>,
    viewer: Viewer,
    /// The viewer's own part as last sent.
    sent: Option<You>,
    /// The update that follows the viewer's own part.
    pending: Option<Bytes>,
    shutdown: CancellationToken,
    _permit: P,
}

impl<P> Stream<P> {
    /// The viewer's own part, if it has changed.
    fn changed_you(&mut self) -> Option<Bytes> {
        let is_current = |sent: &You| match self.viewer.session {
            // Of a viewer only the presses change.
            Some(session) => sent.presses == self.viewer.live.presses_of(session),
            None => true,
        };
        if self.sent.as_ref().is_some_and(is_current) {
            return None;
        }
        let you = self.viewer.you();
        let retry = if self.sent.is_none() { RETRY_FIELD } else { "" };
        let event = format!("{retry}{}", you_event(&you));
        self.sent = Some(you);
        Some(event.into())
    }

    /// The next bytes to send, or `None` at shutdown. The viewer's own part is first.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(pending) = self.pending.take() {
            return Some(pending);
        }
        if self.sent.is_none() {
            return self.changed_you();
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            changed = self.updates.changed() => {
                changed.ok()?;
                let update = self.updates.borrow_and_update().event.clone();
                match self.changed_you() {
                    Some(you) => {
                        self.pending = Some(update);
                        Some(you)
                    }
                    None => Some(update),
                }
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

    /// The stream of a viewer without a session.
    fn stream(updates: watch::Receiver<Update>) -> Stream<()> {
        let live = LiveStats::with_updates(updates);
        let country = ("--".to_owned(), "Unknown".to_owned());
        Stream {
            updates: live.updates(),
            viewer: Viewer { live, country, session: None },
            sent: None,
            pending: None,
            shutdown: CancellationToken::new(),
            _permit: (),
        }
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
    fn with_you_appends_own_part_to_shared_numbers() {
        let you = You {
            country_code: "SE".to_owned(),
            country_name: "Sweden".to_owned(),
            presses: Some(3),
        };
        let all: Value = serde_json::from_slice(&with_you(br#"{"presses":7}"#, &you)).unwrap();
        let own = json!({"country_code": "SE", "country_name": "Sweden", "presses": 3});
        assert_eq!(all, json!({"presses": 7, "you": own}));
        assert_eq!(
            you_event(&you),
            "event: you\ndata: \
             {\"country_code\":\"SE\",\"country_name\":\"Sweden\",\"presses\":3}\n\n"
        );
    }
}
