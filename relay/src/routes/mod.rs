//! Routes, and the headers of their responses.

mod body;
mod events;
mod headers;
mod health;
mod metrics;
mod origin;
mod problem;
mod static_files;
#[cfg(test)]
mod tests;

pub use headers::respond;
pub use origin::AllowedOrigins;

use crate::{
    ingest::{
        client_ip::TrustedProxies,
        geo::Geo,
        limits::{Limited, Limits},
    },
    metrics::{Metrics, Open},
    sink::{Delivery, sqlite::Store},
    telemetry::Throttle,
};
use axum::{
    Router,
    http::{HeaderMap, HeaderName, Method, header},
    response::IntoResponse,
};
use kafka_client::Kafka;
use live_stats::LiveStats;
use problem::ApiError;
use schemas::{RECEIPT_HEADER, Uuid};
use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;

/// What the handlers work with, made once and shared.
pub struct Context {
    /// Where events go.
    pub delivery: Arc<Delivery>,
    /// The store, for those who ask how it is.
    pub store: Store,
    /// Kafka, if it is configured.
    pub kafka: Option<Arc<Kafka>>,
    /// Where visitors are.
    pub geo: Geo,
    /// Networks whose forwarding headers are honoured.
    pub proxies: Arc<TrustedProxies>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is too much.
    pub limits: Arc<Limits>,
    /// Whose pages may post.
    pub origins: AllowedOrigins,
    /// What viewers see.
    pub live: LiveStats,
    /// Ends the streams.
    pub shutdown: CancellationToken,
}

/// A flood is not to flood the log as well.
static LIMITED: Throttle = Throttle::every(Duration::from_secs(30));

impl Context {
    /// Counts a request that exceeds a limit, and returns its error.
    fn limited(&self, limited: Limited) -> ApiError {
        self.metrics.requests_limited.inc(limited);
        if let Some(suppressed) = LIMITED.admit(Instant::now()) {
            tracing::warn!(suppressed, "a request has to come again later, by {limited}");
        }
        ApiError::limited(limited, self.limits.retry_after(limited))
    }
}

impl live_stats::Server for Context {
    type Error = ApiError;
    type Permit = (OwnedSemaphorePermit, Open);

    fn country(
        &self,
        peer: SocketAddr,
        headers: &HeaderMap,
        session: Option<Uuid>,
    ) -> (String, String) {
        let place = self.geo.place(self.proxies.client(peer.ip(), headers), session);
        (place.country_code, place.country_name)
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

/// All routes. [`respond`] sets the headers of every response.
pub fn router(context: Arc<Context>, static_dir: Option<&Path>) -> Router {
    let mut api = Router::new().merge(events::router());
    let shutdown = context.shutdown.clone();
    if context.origins.is_list() {
        let metrics = Arc::clone(&context.metrics);
        api = api.layer(context.origins.csrf().with_rejection_response(move |_| {
            let error = ApiError::ForeignOrigin;
            metrics.requests_refused.inc(error.status().as_u16());
            error.into_response()
        }));
    }
    let api = api
        .merge(live_stats::routes(context.live.clone(), Arc::clone(&context), shutdown))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(cors(&context.origins));
    Router::new()
        .nest("/api", api)
        .merge(health::router())
        .merge(metrics::router())
        .merge(static_files::router(static_dir))
        .with_state(context)
}

/// Any page may post events, unless there is a list: that is all there is to do, and no cookie or other
/// credential is looked at.
fn cors(origins: &AllowedOrigins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.readers())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static(RECEIPT_HEADER)])
        .max_age(Duration::from_secs(86_400))
}
