//! `GET /api/stats`: the live numbers now. `GET /api/live`: again and again, as a stream.
//!
//! Both tell the viewer's own country besides, and with `?session=…` that session's presses. What is
//! the same for everybody is serialised once; the viewer's own part is a few bytes beside it.

use super::{Context, problem::ApiError};
use crate::{
    limits::{Held, Limited},
    live::{Live, Update, You},
    metrics::Open,
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
use schemas::Uuid;
use serde::Deserialize;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Something is sent at least so often, so that proxies and phones keep the connection.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// How long a viewer waits before it connects again, in milliseconds (HTML Standard, section 9.2).
const RETRY: &str = "retry: 2000\n\n";

/// Tells nginx not to gather the stream before it passes it on.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn router() -> Router<Arc<Context>> {
    Router::new().route("/stats", get(stats)).route("/live", get(live))
}

/// What a viewer may say.
#[derive(Deserialize)]
struct Question {
    /// Whose presses to tell besides: only the page that made it up knows a session's name.
    session: Option<Uuid>,
}

/// The viewer: where they are, and which session is theirs. There is no address in it.
struct Viewer {
    live: Live,
    country: (String, String),
    session: Option<Uuid>,
}

impl Viewer {
    fn new(
        context: &Context,
        peer: SocketAddr,
        headers: &HeaderMap,
        question: Result<Query<Question>, QueryRejection>,
    ) -> Result<Self, ApiError> {
        let Query(Question { session }) =
            question.map_err(|error| ApiError::Malformed(error.body_text()))?;
        let place = context.geo.place(context.proxies.client(peer.ip(), headers), session);
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

async fn stats(
    State(context): State<Arc<Context>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Response, ApiError> {
    let viewer = Viewer::new(&context, peer, &headers, question)?;
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

async fn live(
    State(context): State<Arc<Context>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Response, ApiError> {
    let viewer = Viewer::new(&context, peer, &headers, question)?;
    let place = context.limits.viewers.take(1);
    let place = place.ok_or_else(|| context.too_much(Limited::Viewers))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    let stream = Stream {
        updates: context.live.updates(),
        told: None,
        next: None,
        viewer,
        shutdown: context.shutdown.clone(),
        _viewing: context.metrics.viewing(),
        _place: place,
    };
    Ok((headers, Body::from_stream(events(stream))).into_response())
}

/// One viewer's stream.
struct Stream {
    updates: watch::Receiver<Update>,
    viewer: Viewer,
    /// What they were told of themselves.
    told: Option<You>,
    /// What is sent before anything else.
    next: Option<Bytes>,
    shutdown: CancellationToken,
    _viewing: Open,
    _place: Held,
}

impl Stream {
    /// What is to be told of the viewer, if that has changed.
    fn news(&mut self) -> Option<Bytes> {
        let is_known = |told: &You| match self.viewer.session {
            // The country stays: only presses can be news.
            Some(session) => told.presses == self.viewer.live.presses_of(session),
            None => true,
        };
        if self.told.as_ref().is_some_and(is_known) {
            return None;
        }
        let you = self.viewer.you();
        let retry = if self.told.is_none() { RETRY } else { "" };
        let event = format!("{retry}{}", event_of(&you));
        self.told = Some(you);
        Some(event.into())
    }

    /// `None` when the relay ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        if self.told.is_none() {
            return self.news();
        }
        tokio::select! {
            () = self.shutdown.cancelled() => None,
            changed = self.updates.changed() => {
                changed.ok()?;
                let update = self.updates.borrow_and_update().event.clone();
                match self.news() {
                    Some(news) => {
                        self.next = Some(update);
                        Some(news)
                    }
                    None => Some(update),
                }
            }
            () = tokio::time::sleep(KEEP_ALIVE_EVERY) => Some(KEEP_ALIVE),
        }
    }
}

/// Ends when the relay does. The next event is made only when the last one has been taken off our
/// hands, so a slow viewer costs no memory.
fn events(stream: Stream) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<> {
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

    #[tokio::test]
    async fn what_a_slow_viewer_misses_is_not_kept_for_them() {
        let update = |number: u32| Update {
            json: Bytes::new(),
            event: format!("data: {number}\n\n").into(),
        };
        let (sender, updates) = watch::channel(update(0));
        let live = Live::told(updates);
        let mut stream = Stream {
            updates: live.updates(),
            viewer: Viewer {
                live,
                country: ("--".to_owned(), "Unknown".to_owned()),
                session: None,
            },
            told: None,
            next: None,
            shutdown: CancellationToken::new(),
            _viewing: crate::metrics::Metrics::default().viewing(),
            _place: crate::limits::Room::new(1).take(1).unwrap(),
        };
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

    #[test]
    fn a_viewers_part_is_added_to_everybodys() {
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
