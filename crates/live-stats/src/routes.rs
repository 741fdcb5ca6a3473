//! Routes: `GET /stats` returns the latest numbers, `GET /live` streams them as server-sent events.
//!
//! Both add the viewer's country. The numbers are serialised once for all viewers; only the country is serialised for
//! each. There are no numbers of single sessions: a session's id would have to be in the URL, which proxies and hosts
//! log beside the client's address.

use crate::{
    feed::{LiveStats, Update},
    gzip,
};
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
    let (update, you) = (context.live.latest(), viewer(&context, peer, &headers));
    let gzip = gzip::is_accepted(&headers);
    let json = if gzip { with_you_gzip(&update, &you) } else { with_you(&update.json, &you) };
    ([(header::CONTENT_TYPE, "application/json")], encoding(gzip), json).into_response()
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

/// Appends the viewer's country as the last member of the object.
fn with_you(json: &[u8], you: &You) -> Vec<u8> {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    [open, you_member(you).as_bytes()].concat()
}

/// The same as a gzip body, of which only the viewer's own part is made for it.
fn with_you_gzip(update: &Update, you: &You) -> Vec<u8> {
    let mut body = gzip::Body::default();
    let numbers = body.push(&update.gzip().0);
    let you = body.push(&gzip::Part::store(you_member(you).as_bytes()));
    [numbers, you, body.end()].concat()
}

/// The viewer's own part as the last member of an object, and the object's end.
fn you_member(you: &You) -> String {
    format!(",\"you\":{}}}", to_json(you))
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
    let gzip = gzip::is_accepted(&headers).then(gzip::Body::default);
    let encoding = encoding(gzip.is_some());
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
    /// The viewer's country, until it is sent.
    you: Option<You>,
    shutdown: CancellationToken,
    _permit: P,
}

impl<P> Stream<P> {
    /// The next piece to send, or `None` at shutdown. The viewer's country is first.
    async fn next(&mut self) -> Option<Piece> {
        if let Some(you) = self.you.take() {
            return Some(Piece::Own(format!("{RETRY_FIELD}{}", you_event(&you)).into()));
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            changed = self.updates.changed() => {
                changed.ok()?;
                Some(Piece::Numbers(self.updates.borrow_and_update().clone()))
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
            (Some(Piece::Numbers(update)), Some(body)) => body.push(&update.gzip().1),
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

    fn you() -> You {
        You { country_code: "SE".to_owned(), country_name: "Sweden".to_owned() }
    }

    fn stream(updates: watch::Receiver<Update>) -> Stream<()> {
        let updates = LiveStats::with_updates(updates).updates();
        Stream { updates, you: Some(you()), shutdown: CancellationToken::new(), _permit: () }
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
    fn with_you_appends_country_to_shared_numbers() {
        let plain = with_you(br#"{"presses":7}"#, &you());
        let all: Value = serde_json::from_slice(&plain).unwrap();
        let own = json!({"country_code": "SE", "country_name": "Sweden"});
        assert_eq!(all, json!({"presses": 7, "you": own}));
        let compressed = with_you_gzip(&Update::of_json(br#"{"presses":7}"#.to_vec()), &you());
        let mut decompressed = Vec::new();
        flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut decompressed).unwrap();
        assert_eq!(decompressed, plain);
        assert_eq!(
            you_event(&you()),
            "event: you\ndata: {\"country_code\":\"SE\",\"country_name\":\"Sweden\"}\n\n"
        );
    }
}
