//! `POST /api/events`: the way of a press.
//!
//! ```text
//!  body ─► Submission ─► + Place ─► Delivery (Kafka, or the store) ─► Receipt
//! ```

use super::{Context, body, persistent::Persistent, problem::ApiError};
use crate::{client_ip::ClientIp, clock, logging::Throttle, submission::Submission};
use axum::{
    Json, Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::HeaderMap,
    routing::post,
};
use futures_util::FutureExt;
use schemas::Receipt;
use std::{
    mem,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// A full disk fails every request; it must not fill the disk of the log as well.
static UNRECORDED: Throttle = Throttle::every(Duration::from_secs(5));

pub(super) fn router() -> Router<Context> {
    Router::new().route("/events", post(post_events))
}

async fn post_events(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Receipt>, ApiError> {
    let metrics = Arc::clone(&context.metrics);
    let answer = answer(context, peer, headers, body).await;
    if let Err(error) = &answer {
        metrics.refused(error.status().as_u16());
    }
    answer.map(Json)
}

async fn answer(
    context: Context,
    peer: SocketAddr,
    headers: HeaderMap,
    body: Body,
) -> Result<Receipt, ApiError> {
    let body = body::read(&headers, body).await?;
    let submission =
        Submission::parse(&body).map_err(|error| ApiError::Malformed(error.to_string()))?;
    let client = context.proxies.client(peer.ip(), &headers);
    // A client that goes away drops this handler; the events it has sent are recorded all the same.
    let recorded = AssertUnwindSafe(record(context, submission, client)).catch_unwind();
    Persistent::new(recorded).await.unwrap_or_else(|_| {
        // What it was is in the log already.
        tracing::error!("recording failed: it panicked");
        Err(ApiError::Unavailable)
    })
}

async fn record(
    context: Context,
    mut submission: Submission,
    client: ClientIp,
) -> Result<Receipt, ApiError> {
    let start = Instant::now();
    let session_id = submission.session_id;
    let rejected = mem::take(&mut submission.rejected);
    for rejection in &rejected {
        context.metrics.rejected(rejection.reason);
    }
    let place = Arc::new(context.geo.place(client, Some(session_id)));
    let accepted: Vec<u64> = submission.events.iter().map(|event| event.count).collect();
    let events = submission.into_received(&place, clock::now());
    let durable_in = context.delivery.record(events).await.map_err(|error| {
        if let Some(unsaid) = UNRECORDED.admit(Instant::now()) {
            tracing::error!(unsaid, "events cannot be recorded: {error}");
        }
        ApiError::Unavailable
    })?;
    context.metrics.accepted(accepted.len(), durable_in, start.elapsed());
    Ok(Receipt {
        session_id,
        accepted,
        rejected,
        durable_in: durable_in.name().to_owned(),
        location: Arc::unwrap_or_clone(place),
        geo_database: context.geo.database_name(),
    })
}
