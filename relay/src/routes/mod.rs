//! Routes, and the headers of their responses.

mod body;
mod events;
mod monitoring;
mod problem;
mod records;
mod static_files;
#[cfg(test)]
mod tests;

use crate::{
    ingest::limits::{Limited, Limits},
    metrics::{Metrics, Open},
    sink::Delivery,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::map_request,
    response::{IntoResponse, Response},
    routing::post,
};
use event_store::Store;
use geo_ip::Geo;
use kafka_client::Kafka;
use live_stats::LiveStats;
use origin_check::{Hosts, Posters};
use problem::ApiError;
use schemas::{Place, RECEIPT_HEADER};
use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use telemetry::Throttle;
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
    /// Days after which events are deleted everywhere, for receipts.
    pub kept_days: Option<u64>,
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

    fn place(&self, peer: SocketAddr, headers: &HeaderMap) -> Place {
        self.geo.locate(peer.ip(), headers, None).place
    }

    fn admit_stream(&self) -> Result<Self::Permit, ApiError> {
        let permit = Arc::clone(&self.limits.viewers).try_acquire_owned();
        let permit = permit.map_err(|_| self.limited(Limited::Viewers))?;
        Ok((permit, Open::new(&self.metrics.live_viewers)))
    }
}

/// Routes, and the hosts at which they are.
#[derive(Clone)]
pub struct Site {
    /// The routes.
    pub router: Router,
    /// The hosts.
    pub hosts: Hosts,
}

/// All routes of visitors. Pages of `posters` may post events, and the page in `static_dir` is served.
/// [`respond`] sets the headers of every response.
pub fn router(context: Arc<Context>, posters: &Posters, static_dir: Option<&Path>) -> Router {
    let method_not_allowed = || async { ApiError::MethodNotAllowed };
    let mut events = Router::new()
        .route("/events", post(events::post_events))
        .route("/records", post(records::post_records));
    events = events.method_not_allowed_fallback(method_not_allowed);
    if let Some(csrf) = posters.csrf() {
        let metrics = Arc::clone(&context.metrics);
        events = events.layer(csrf.with_rejection_response(move |_| {
            let response = ApiError::ForeignOrigin.into_response();
            metrics.requests_refused.inc(response.status().as_u16());
            response
        }));
        events = events.layer(map_request(origin_check::accept_marked));
    }
    let (live, shutdown) = (context.live.clone(), context.shutdown.clone());
    let live = live_stats::routes(live, Arc::clone(&context), shutdown)
        .method_not_allowed_fallback(method_not_allowed);
    let api = events
        .layer(posters.cors())
        .merge(live.layer(posters.readers_cors()))
        .fallback(|| async { ApiError::NotFound });
    Router::new()
        .nest("/api", api)
        .merge(monitoring::health())
        .merge(static_files::router(static_dir))
        .with_state(context)
}

/// The routes of the management listener.
pub fn management_router(context: Arc<Context>) -> Router {
    monitoring::health()
        .merge(monitoring::details())
        .fallback(|| async { ApiError::NotFound })
        .with_state(context)
}

const RECEIPT: HeaderName = HeaderName::from_static(RECEIPT_HEADER);
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Routes a request and sets the common headers of its response. As layers of the router, one for each
/// header, they cost an event more than its parsing.
pub async fn respond(mut site: Site, request: Request) -> Response {
    let in_api = request.uri().path().strip_prefix("/api");
    let is_api = in_api.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut response = match site.hosts.check(&request) {
        Ok(()) => {
            // A router is always ready.
            let Ok(response) = site.router.call(request).await;
            response
        }
        Err(error) => ApiError::from(error).into_response(),
    };
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
