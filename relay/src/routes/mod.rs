//! Routes, and the headers of their responses.

mod body;
mod events;
mod monitoring;
mod origin;
mod problem;
mod records;
mod static_files;
#[cfg(test)]
mod tests;

pub use origin::parse_origin;

use crate::{
    ingest::limits::{Limited, Limits},
    metrics::{Metrics, Open},
    sink::Delivery,
    telemetry::Throttle,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::post,
};
use event_store::Store;
use geo_ip::Geo;
use kafka_client::Kafka;
use live_stats::LiveStats;
use problem::ApiError;
use schemas::{Place, RECEIPT_HEADER, Uuid};
use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// State of the handlers.
pub struct Context {
    /// Makes events durable.
    pub delivery: Arc<Delivery>,
    /// The store, for its state.
    pub store: Store,
    /// The topic, also where Kafka is not configured.
    pub topic: String,
    /// Kafka, for its metrics, if it is configured.
    pub kafka: Option<Arc<Kafka>>,
    /// Finds places.
    pub geo: Geo,
    /// Counters and gauges.
    pub metrics: Arc<Metrics>,
    /// Limits per session and for all requests.
    pub limits: Arc<Limits>,
    /// Live numbers.
    pub live: LiveStats,
    /// Ends the streams of live numbers.
    pub shutdown: CancellationToken,
}

static LIMITED: Throttle = Throttle::every(Duration::from_secs(30));

impl Context {
    /// Counts a request that exceeds a limit, and returns its error.
    fn limited(&self, limited: Limited) -> ApiError {
        self.metrics.requests_limited.inc(limited);
        if let Some(suppressed) = LIMITED.admit(Instant::now()) {
            tracing::warn!(suppressed, "rejected a request that exceeds {limited}");
        }
        let retry_after = self.limits.retry_after(limited);
        match limited {
            Limited::SessionRequests(_) | Limited::SessionEvents(_) => {
                ApiError::RateLimited(retry_after)
            }
            _ => ApiError::Overloaded(retry_after),
        }
    }
}

impl live_stats::Server for Context {
    type Error = ApiError;
    type Permit = (OwnedSemaphorePermit, Open);

    fn place(&self, peer: SocketAddr, headers: &HeaderMap, session: Option<Uuid>) -> Place {
        self.geo.locate(peer.ip(), headers, session).place
    }

    fn admit_stream(&self) -> Result<Self::Permit, ApiError> {
        let permit = Arc::clone(&self.limits.viewers).try_acquire_owned();
        let permit = permit.map_err(|_| self.limited(Limited::Viewers))?;
        Ok((permit, Open::new(&self.metrics.live_viewers)))
    }

    fn bad_query(&self, detail: String) -> ApiError {
        ApiError::Malformed(detail)
    }
}

/// All routes. Pages of `origins` may post events, or of all origins if there are none, and the page in
/// `static_dir` is served. [`respond`] sets the headers of every response.
pub fn router(context: Arc<Context>, origins: &[HeaderValue], static_dir: Option<&Path>) -> Router {
    let mut api = Router::new()
        .route("/events", post(events::post_events))
        .route("/records", post(records::post_records));
    if !origins.is_empty() {
        let metrics = Arc::clone(&context.metrics);
        api = api.layer(origin::csrf(origins).with_rejection_response(move |_| {
            let response = ApiError::ForeignOrigin.into_response();
            metrics.requests_refused.inc(response.status().as_u16());
            response
        }));
    }
    let (live, shutdown) = (context.live.clone(), context.shutdown.clone());
    let api = api
        .merge(live_stats::routes(live, Arc::clone(&context), shutdown))
        .fallback(|| async { ApiError::NotFound })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(origin::cors(origins));
    Router::new()
        .nest("/api", api)
        .merge(monitoring::router())
        .merge(static_files::router(static_dir))
        .with_state(context)
}

const RECEIPT: HeaderName = HeaderName::from_static(RECEIPT_HEADER);
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Routes a request and sets the common headers of its response. As layers of the router, one for each
/// header, they cost an event more than its parsing.
pub async fn respond(mut router: Router, request: Request) -> Response {
    let in_api = request.uri().path().strip_prefix("/api");
    let is_api = in_api.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A router is always ready.
    let Ok(mut response) = router.call(request).await;
    let headers = response.headers_mut();
    headers.reserve(8);
    if is_api {
        // Distinguishes the relay's own responses from those of a captive portal.
        headers.insert(RECEIPT, HeaderValue::from_static("1"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // No other site embeds anything of this one. CORS requests are not affected.
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // Static files have their own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    response
}
