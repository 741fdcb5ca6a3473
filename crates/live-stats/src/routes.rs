//! Routes: `GET /stats`, the numbers now, and `GET /live`, again and again as a stream.
//!
//! Both have the viewer's own country besides, and with `?session=…` that session's presses. What is the same
//! for all viewers is serialised once; the viewer's own part is a few bytes beside it.

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
use schemas::{Uuid, stats::You};
use serde::Deserialize;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Interval of comments in a stream without events, so that proxies and phones keep the connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// Reconnection time of viewers, in milliseconds (HTML Standard, section 9.2).
const RETRY: &str = "retry: 2000\n\n";

/// Keeps nginx from buffering the stream.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the routes need of the server that mounts them.
pub trait Server: Send + Sync + 'static {
    /// An error response.
    type Error: IntoResponse + Send;
    /// Counts a stream for as long as it is open.
    type Permit: Send + Unpin + 'static;

    /// Code and name of the country of the client that sends this request.
    fn country(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        session: Option<Uuid>,
    ) -> (String, String);

    /// Admits one more stream.
    ///
    /// # Errors
    /// If there are too many.
    fn admit_stream(&self) -> Result<Self::Permit, Self::Error>;

    /// The error for a query that cannot be read.
    fn bad_query(&self, detail: String) -> Self::Error;
}

/// The state of the routes.
struct Context<S> {
    live: LiveStats,
    server: Arc<S>,
    /// Ends the streams.
    shutdown: CancellationToken,
}

/// The routes, for any router. Handlers find their peer as [`ConnectInfo`].
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
    /// Whose presses to add: only the page that made it up knows a session's id.
    session: Option<Uuid>,
}

/// The viewer. There is no address in it.
struct Viewer {
    live: LiveStats,
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
        let country = context.server.country(peer, headers, session);
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
    let json = with_you(&context.live.now().json, &viewer.you());
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// The numbers of all with those of one viewer as their last member.
fn with_you(json: &[u8], you: &You) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    [open, b",\"you\":", to_json(you).as_bytes(), b"}"].concat()
}

/// As an event of a stream, with a name of its own.
fn event_of(you: &You) -> String {
    format!("event: you\ndata: {}\n\n", to_json(you))
}

fn to_json(you: &You) -> String {
    // Nothing in it can fail to be serialised.
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
        next: None,
        viewer,
        shutdown: context.shutdown.clone(),
        _permit: permit,
    };
    Ok((headers, Body::from_stream(events(stream))).into_response())
}

/// One viewer's stream.
struct Stream<P> {
    updates: watch::Receiver<Update>,
    viewer: Viewer,
    /// The viewer's own part as it was sent last.
    sent: Option<You>,
    /// What is sent before anything else.
    next: Option<Bytes>,
    shutdown: CancellationToken,
    _permit: P,
}

impl<P> Stream<P> {
    /// The viewer's own part, if it has changed.
    fn changed_you(&mut self) -> Option<Bytes> {
        let is_sent = |sent: &You| match self.viewer.session {
            // The country stays: only presses change.
            Some(session) => sent.presses == self.viewer.live.presses_of(session),
            None => true,
        };
        if self.sent.as_ref().is_some_and(is_sent) {
            return None;
        }
        let you = self.viewer.you();
        let retry = if self.sent.is_none() { RETRY } else { "" };
        let event = format!("{retry}{}", event_of(&you));
        self.sent = Some(you);
        Some(event.into())
    }

    /// `None` at shutdown.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(next) = self.next.take() {
            return Some(next);
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
                        self.next = Some(update);
                        Some(you)
                    }
                    None => Some(update),
                }
            }
            () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => Some(KEEP_ALIVE),
        }
    }
}

/// Ends at shutdown. The next event is made only when the last one has been taken, so a slow viewer costs no
/// memory.
fn events<P: Send>(
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
        let live = LiveStats::of(updates);
        let country = ("--".to_owned(), "Unknown".to_owned());
        Stream {
            updates: live.updates(),
            viewer: Viewer { live, country, session: None },
            sent: None,
            next: None,
            shutdown: CancellationToken::new(),
            _permit: (),
        }
    }

    #[tokio::test]
    async fn updates_that_a_slow_viewer_misses_are_not_kept() {
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
        assert!(more.is_err(), "there is nothing else");
        stream.shutdown.cancel();
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_stream_is_kept_alive() {
        let nothing = Update { json: Bytes::new(), event: Bytes::new() };
        let (_sender, updates) = watch::channel(nothing);
        let mut stream = stream(updates);
        stream.next().await.unwrap();
        stream.next().await.unwrap();
        for _ in 0..3 {
            assert_eq!(stream.next().await.unwrap(), KEEP_ALIVE);
        }
    }

    #[test]
    fn viewers_part_is_added_to_the_numbers_of_all() {
        let you = You {
            country_code: "SE".to_owned(),
            country_name: "Sweden".to_owned(),
            presses: Some(3),
        };
        let all: Value = serde_json::from_slice(&with_you(br#"{"presses":7}"#, &you)).unwrap();
        let own = json!({"country_code": "SE", "country_name": "Sweden", "presses": 3});
        assert_eq!(all, json!({"presses": 7, "you": own}));
        assert_eq!(
            event_of(&you),
            "event: you\ndata: \
             {\"country_code\":\"SE\",\"country_name\":\"Sweden\",\"presses\":3}\n\n"
        );
    }
}
