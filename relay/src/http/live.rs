//! `GET /api/stats`: the live numbers now. `GET /api/live`: again and again, as a stream.

use super::Context;
use crate::live::Live;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use std::{convert::Infallible, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Something is sent at least so often, so that proxies and phones keep the connection.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE: Bytes = Bytes::from_static(b": still here\n\n");

/// How long a viewer waits before it connects again, in milliseconds (HTML Standard, section 9.2).
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// Tells nginx not to gather the stream before it passes it on.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn router() -> Router<Context> {
    Router::new().route("/stats", get(stats)).route("/live", get(live))
}

async fn stats(State(context): State<Context>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], context.live.now().json).into_response()
}

async fn live(State(context): State<Context>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (NO_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(events(&context.live, context.shutdown))).into_response()
}

/// Ends when the relay does. The next event is made only when the last one has been taken off our
/// hands, so a slow viewer costs no memory.
fn events(
    live: &Live,
    shutdown: CancellationToken,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> + use<> {
    struct Viewer {
        updates: watch::Receiver<crate::live::Update>,
        shutdown: CancellationToken,
        greeted: bool,
    }
    let viewer = Viewer { updates: live.updates(), shutdown, greeted: false };
    stream::unfold(viewer, |mut viewer| async move {
        if !viewer.greeted {
            viewer.greeted = true;
            return Some((Ok(RETRY), viewer));
        }
        let bytes = tokio::select! {
            () = viewer.shutdown.cancelled() => return None,
            changed = viewer.updates.changed() => {
                changed.ok()?;
                viewer.updates.borrow_and_update().event.clone()
            }
            () = tokio::time::sleep(KEEP_ALIVE_EVERY) => KEEP_ALIVE,
        };
        Some((Ok(bytes), viewer))
    })
}
