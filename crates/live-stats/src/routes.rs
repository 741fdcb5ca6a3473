//! Routes: `GET /stats` returns the latest numbers, `GET /live` streams them as server-sent events.
//!
//! Both add the viewer's own part: its country, and with `?session=…` that session's presses. The numbers are
//! serialised once for all viewers; only the own part is serialised for each.

use crate::{
    feed::{LiveStats, Update},
    gzip,
};
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
    let (update, you) = (context.live.latest(), viewer.you());
    let gzip = gzip::is_accepted(&headers);
    let json = if gzip { with_you_gzip(&update, &you) } else { with_you(&update.json, &you) };
    Ok(([(header::CONTENT_TYPE, "application/json")], encoding(gzip), json).into_response())
}

/// The headers of a response that is gzip if the client accepts it.
fn encoding(gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers
}

/// Appends the viewer's own part as the last member of the object.
fn with_you(json: &[u8], you: &You) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    [open, you_member(you).as_bytes()].concat()
}

/// The same as a gzip body, of which only the viewer's own part is made for it.
fn with_you_gzip(update: &Update, you: &You) -> Vec<u8> {
    let mut body = gzip::Body::default();
    let numbers = body.push(&update.gzip.0);
    let you = body.push(&gzip::Part::store(you_member(you).as_bytes()));
    [numbers, you, body.end()].concat()
}

/// The viewer's own part as the last member of an object, and the object's end.
fn you_member(you: &You) -> String {
    format!(",\"you\":{}}}", to_json(you))
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
    let gzip = gzip::is_accepted(&headers).then(gzip::Body::default);
    let encoding = encoding(gzip.is_some());
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
    Ok((headers, encoding, Body::from_stream(into_body_stream(stream, gzip))).into_response())
}

/// What is sent at once.
enum Piece {
    /// The numbers, which all viewers share.
    Numbers(Update),
    /// A text of this viewer.
    Own(Bytes),
}

/// One viewer's stream.
struct Stream<P> {
    updates: watch::Receiver<Update>,
    viewer: Viewer,
    /// The viewer's own part as last sent.
    sent: Option<You>,
    /// The update that follows the viewer's own part.
    pending: Option<Update>,
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

    /// The next piece to send, or `None` at shutdown. The viewer's own part is first.
    async fn next(&mut self) -> Option<Piece> {
        if let Some(pending) = self.pending.take() {
            return Some(Piece::Numbers(pending));
        }
        if self.sent.is_none() {
            return self.changed_you().map(Piece::Own);
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            changed = self.updates.changed() => {
                changed.ok()?;
                let update = self.updates.borrow_and_update().clone();
                match self.changed_you() {
                    Some(you) => {
                        self.pending = Some(update);
                        Some(Piece::Own(you))
                    }
                    None => Some(Piece::Numbers(update)),
                }
            }
            () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => Some(Piece::Own(KEEP_ALIVE)),
        }
    }
}

/// The stream's bytes until shutdown, as they are or as one gzip body. Each piece is produced only when the connection is ready for it, so a slow
/// viewer buffers no updates.
fn into_body_stream<P: Send>(
    stream: Stream<P>,
    gzip: Option<gzip::Body>,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<P> {
    stream::unfold(Some((stream, gzip)), |state| async move {
        let (mut stream, mut gzip) = state?;
        let bytes = match (stream.next().await, &mut gzip) {
            (Some(Piece::Numbers(update)), None) => update.event,
            (Some(Piece::Numbers(update)), Some(body)) => body.push(&update.gzip.1),
            (Some(Piece::Own(text)), None) => text,
            (Some(Piece::Own(text)), Some(body)) => body.push(&gzip::Part::store(&text)),
            (None, _) => return Some((Ok(gzip?.end()), None)),
        };
        Some((Ok(bytes), Some((stream, gzip))))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::write::GzDecoder;
    use futures_util::StreamExt;
    use serde_json::{Value, json};
    use std::io::{Read, Write};

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

    fn update(number: u32) -> Update {
        Update::of_json(format!("{{\"at\":{number}}}").into_bytes())
    }

    #[tokio::test]
    async fn slow_viewer_skips_updates() {
        for gzip in [None, Some(gzip::Body::default())] {
            let is_gzip = gzip.is_some();
            let (sender, updates) = watch::channel(update(0));
            let stream = stream(updates);
            let shutdown = stream.shutdown.clone();
            let mut bytes = Box::pin(into_body_stream(stream, gzip));
            let mut decoder = GzDecoder::new(Vec::new());
            // What a client can read of the bytes so far.
            let mut text = |bytes: Bytes| {
                if !is_gzip {
                    return String::from_utf8(bytes.to_vec()).unwrap();
                }
                decoder.write_all(&bytes).unwrap();
                decoder.flush().unwrap();
                String::from_utf8(std::mem::take(decoder.get_mut())).unwrap()
            };
            let mut next = async || Some(text(bytes.next().await?.unwrap()));
            let first = next().await.unwrap();
            assert!(first.starts_with("retry: 2000\n\nevent: you\ndata: {"), "{first}");
            assert_eq!(next().await.unwrap(), "data: {\"at\":0}\n\n");
            for number in 1..=1000 {
                sender.send_replace(update(number));
            }
            assert_eq!(next().await.unwrap(), "data: {\"at\":1000}\n\n");
            let more = tokio::time::timeout(Duration::from_millis(20), next()).await;
            assert!(more.is_err(), "no skipped update follows");
            shutdown.cancel();
            if is_gzip {
                assert_eq!(next().await.unwrap(), "", "the end of the body");
            }
            assert_eq!(next().await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_stream_sends_keep_alive() {
        let (_sender, updates) = watch::channel(update(0));
        let mut bytes = Box::pin(into_body_stream(stream(updates), None));
        bytes.next().await.unwrap().unwrap();
        bytes.next().await.unwrap().unwrap();
        for _ in 0..3 {
            assert_eq!(bytes.next().await.unwrap().unwrap(), KEEP_ALIVE);
        }
    }

    #[test]
    fn with_you_appends_own_part_to_shared_numbers() {
        let you = You {
            country_code: "SE".to_owned(),
            country_name: "Sweden".to_owned(),
            presses: Some(3),
        };
        let plain = with_you(br#"{"presses":7}"#, &you);
        let all: Value = serde_json::from_slice(&plain).unwrap();
        let own = json!({"country_code": "SE", "country_name": "Sweden", "presses": 3});
        assert_eq!(all, json!({"presses": 7, "you": own}));
        let compressed = with_you_gzip(&Update::of_json(br#"{"presses":7}"#.to_vec()), &you);
        let mut decompressed = Vec::new();
        flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut decompressed).unwrap();
        assert_eq!(decompressed, plain);
        assert_eq!(
            you_event(&you),
            "event: you\ndata: \
             {\"country_code\":\"SE\",\"country_name\":\"Sweden\",\"presses\":3}\n\n"
        );
    }
}
