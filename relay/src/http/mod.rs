//! The HTTP edge: what is reachable, and with which headers.

mod body;
mod events;
mod health;
mod live;
mod metrics;
mod page;
mod persistent;
mod problem;

use crate::{
    client_ip::TrustedProxies, delivery::Delivery, geo::Geo, live::Live, metrics::Metrics,
};
use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, header},
};
use schemas::RECEIPT_HEADER;
use std::{path::Path, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    set_header::SetResponseHeaderLayer,
};

/// What the handlers work with.
#[derive(Clone)]
pub struct Context {
    /// Where events go.
    pub delivery: Arc<Delivery>,
    /// Where visitors are.
    pub geo: Geo,
    /// Whose headers tell who the visitor is.
    pub proxies: Arc<TrustedProxies>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What viewers see.
    pub live: Live,
    /// Ends the streams.
    pub shutdown: CancellationToken,
}

/// All routes.
pub fn router(context: Context, static_dir: Option<&Path>) -> Router {
    let api = Router::new()
        .merge(events::router())
        .merge(live::router())
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        // Marks every answer as the relay's own, errors too: a captive portal has no such header.
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static(RECEIPT_HEADER),
            HeaderValue::from_static("1"),
        ))
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(cors());
    Router::new()
        .nest("/api", api)
        .merge(health::router())
        .merge(metrics::router())
        .merge(page::router(static_dir))
        .layer(SetResponseHeaderLayer::overriding(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .with_state(context)
}

/// Any page may post events: that is all there is to do, and no cookie or other credential is
/// looked at.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static(RECEIPT_HEADER)])
        .max_age(Duration::from_secs(86_400))
}
