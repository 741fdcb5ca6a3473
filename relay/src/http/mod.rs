//! The HTTP edge: what is reachable, and with which headers.

mod accompanied;
mod body;
mod events;
mod headers;
mod health;
mod live;
mod metrics;
mod origin;
mod page;
mod persistent;
mod problem;
mod serve;
#[cfg(test)]
mod tests;

pub use origin::AllowedOrigins;
pub use serve::serve;

use crate::{
    client_ip::TrustedProxies,
    geo::Geo,
    limits::{Limited, Limits},
    live::Live,
    logging::Throttle,
    metrics::Metrics,
    sink::Delivery,
    store::Store,
};
use axum::{
    Router,
    http::{HeaderName, Method, header},
    response::IntoResponse,
};
use kafka_client::Kafka;
use problem::ApiError;
use schemas::RECEIPT_HEADER;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
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
    /// Whose headers tell who the visitor is.
    pub proxies: Arc<TrustedProxies>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is too much.
    pub limits: Arc<Limits>,
    /// Whose pages may post.
    pub origins: AllowedOrigins,
    /// What viewers see.
    pub live: Live,
    /// Ends the streams.
    pub shutdown: CancellationToken,
}

/// A flood is not to flood the log as well.
static LIMITED: Throttle = Throttle::every(Duration::from_secs(30));

impl Context {
    /// Counts that a request has met a limit, and gives what it is told.
    fn too_much(&self, limited: Limited) -> ApiError {
        self.metrics.limited(limited.name());
        if let Some(unsaid) = LIMITED.admit(Instant::now()) {
            tracing::warn!(unsaid, "a request has to come again later, by {}", limited.name());
        }
        ApiError::limited(limited, self.limits.retry_after(limited))
    }
}

/// All routes. The headers of every answer are set by [`serve`].
pub fn router(context: Arc<Context>, static_dir: Option<&Path>) -> Router {
    let mut api = Router::new().merge(events::router());
    if context.origins.is_list() {
        let metrics = Arc::clone(&context.metrics);
        api = api.layer(context.origins.csrf().with_rejection_response(move |_| {
            let error = ApiError::ForeignOrigin;
            metrics.refused(error.status().as_u16());
            error.into_response()
        }));
    }
    let api = api
        .merge(live::router())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(cors(&context.origins));
    Router::new()
        .nest("/api", api)
        .merge(health::router())
        .merge(metrics::router())
        .merge(page::router(static_dir, &context))
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
