//! `POST /api/events`: from the body of a request to its receipt.
//!
//! ```text
//!  body ─► Submission ─► Limits ─► + Place ─► Delivery (Kafka, or the store) ─► Receipt
//! ```

use super::{Context, body, problem::ApiError};
use crate::{
    clock,
    error_chain::error_chain,
    ingest::{
        limits::Limited,
        parse::{Malformed, Submission, limit_rejections},
    },
};
use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use geo_ip::Located;
use rate_limit::Arrival;
use schemas::{KafkaRecords, Receipt};
use scopeguard::{ScopeGuard, guard_on_success};
use std::{
    mem,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use telemetry::Throttle;

/// A full disk fails every request, and must not fill the disk of the log as well.
static UNRECORDED: Throttle = Throttle::every(Duration::from_secs(5));

pub(super) async fn post_events(
    State(context): State<Arc<Context>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let metrics = Arc::clone(&context.metrics);
    // As it is: axum's extractor of headers would copy all of them.
    let (head, body) = request.into_parts();
    let receipt = accept(context, peer, head.headers, body).await;
    let response = receipt.map(Json).into_response();
    if !response.status().is_success() {
        metrics.requests_refused.inc(response.status().as_u16());
    }
    response
}

async fn accept(
    context: Arc<Context>,
    peer: SocketAddr,
    headers: HeaderMap,
    body: Body,
) -> Result<Receipt, ApiError> {
    let (bytes, bytes_permit) = body::read(&headers, body, &context).await?;
    let request_bytes = bytes.len();
    let submission = Submission::parse(&bytes).map_err(|error| match error {
        Malformed::TooMany => ApiError::TooManyEvents,
        error => ApiError::Malformed(error.to_string()),
    })?;
    context.metrics.unknown_fields.inc_by(submission.with_unknown_fields as u64);
    let first = submission.events.iter().map(|event| event.timestamp.micros()).min();
    let age = first.map_or(0, |first| clock::now().micros().saturating_sub(first));
    let arrival = Arrival {
        session: submission.session_id,
        events: submission.events.len() + submission.rejected.len(),
        age: Duration::from_micros(age.try_into().unwrap_or(0)),
    };
    context.limits.admit(arrival).map_err(|limited| context.limited(limited))?;
    let in_flight = Arc::clone(&context.limits.in_flight).try_acquire_owned();
    let in_flight = in_flight.map_err(|_| context.limited(Limited::RequestsInFlight))?;
    let located = context.geo.locate(peer.ip(), &headers, Some(submission.session_id));
    let permits = (in_flight, bytes_permit);
    let recording = Box::pin(async move {
        let receipt = record(context, submission, located, request_bytes).await;
        drop(permits);
        receipt
    });
    // hyper drops this handler when the client disconnects. The events are recorded all the same, and hold
    // their permits until then. A task for each request from the start would cost more processor time.
    let mut recording = guard_on_success(recording, |rest| drop(tokio::spawn(rest)));
    let receipt = recording.as_mut().await;
    drop(ScopeGuard::into_inner(recording));
    receipt
}

async fn record(
    context: Arc<Context>,
    mut submission: Submission,
    located: Located,
    request_bytes: usize,
) -> Result<Receipt, ApiError> {
    let start = Instant::now();
    let session_id = submission.session_id;
    let mut rejected = mem::take(&mut submission.rejected);
    for rejection in &rejected {
        context.metrics.events_rejected.inc(rejection.reason.name());
    }
    limit_rejections(&mut rejected, request_bytes);
    let place = Arc::new(located.place);
    let accepted: Vec<u64> = submission.events.iter().map(|event| event.count).collect();
    let events = submission.into_received(&place, clock::now());
    let recorded = context.delivery.record(events).await.map_err(|error| {
        if let Some(suppressed) = UNRECORDED.admit(Instant::now()) {
            tracing::error!(suppressed, "events cannot be recorded: {}", error_chain(&error));
        }
        ApiError::Unavailable
    })?;
    context.metrics.accepted(accepted.len(), recorded.durable_in, start.elapsed());
    let records = accepted.iter().copied().zip(recorded.records);
    let records = records.filter_map(|(count, metadata)| Some((count, metadata?)));
    let kafka = Some(KafkaRecords::new(&context.topic, records));
    Ok(Receipt {
        session_id,
        accepted,
        rejected,
        durable_in: recorded.durable_in.to_string(),
        kafka: kafka.filter(|kafka| !kafka.partitions.is_empty()),
        location: Arc::unwrap_or_clone(place),
        place_name: located.place_name,
        pretended: located.pretended,
        kept_days: context.kept_days,
        geo_database: context.geo.database_name(),
    })
}
