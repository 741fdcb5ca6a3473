//! Error responses: `application/problem+json` (RFC 9457).

use crate::ingest::parse::MAX_EVENTS;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use origin_check::HostError;
use schemas::{MAX_REQUEST_BYTES, Problem};

/// Why a request failed. The text is for the client; causes are logged.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing of the request can be used.
    #[error("{0}")]
    Malformed(String),
    #[error("this page is of another site, which --allowed-origins does not list")]
    ForeignOrigin,
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("there is nothing at this path; post events to /api/events")]
    NotFound,
    #[error("this path has no such method; post events to /api/events")]
    MethodNotAllowed,
    #[error("the body did not arrive in time; send it again")]
    BodyTimeout,
    #[error("the body is longer than {MAX_REQUEST_BYTES} bytes; send fewer events at once")]
    BodyTooLong,
    #[error("the body has more than {MAX_EVENTS} events; send fewer at once")]
    TooManyEvents,
    #[error("the body has a content-encoding; send it without")]
    ContentEncoding,
    /// One session exceeds its limits. With the seconds to wait.
    #[error("this session is rate limited; send its events together after Retry-After")]
    RateLimited(u64),
    /// All requests together exceed a limit. With the seconds to wait.
    #[error("the relay is overloaded; send the events again after Retry-After")]
    Overloaded(u64),
    #[error("neither Kafka nor the store accepts events; send them again after Retry-After")]
    Unavailable,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // With the seconds after which the same request can succeed (RFC 9110, section 10.2.3).
        let (status, retry_after) = match self {
            ApiError::Malformed(_) => (StatusCode::BAD_REQUEST, None),
            ApiError::ForeignOrigin => (StatusCode::FORBIDDEN, None),
            ApiError::Host(HostError::Invalid) => (StatusCode::BAD_REQUEST, None),
            ApiError::Host(HostError::Misdirected) => (StatusCode::MISDIRECTED_REQUEST, None),
            ApiError::NotFound => (StatusCode::NOT_FOUND, None),
            ApiError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, None),
            ApiError::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, None),
            ApiError::BodyTooLong => (StatusCode::PAYLOAD_TOO_LARGE, None),
            ApiError::TooManyEvents => (StatusCode::PAYLOAD_TOO_LARGE, None),
            ApiError::ContentEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, None),
            ApiError::RateLimited(seconds) => (StatusCode::TOO_MANY_REQUESTS, Some(seconds)),
            ApiError::Overloaded(seconds) => (StatusCode::SERVICE_UNAVAILABLE, Some(seconds)),
            ApiError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(5)),
        };
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
        };
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        let retry_after = retry_after.map(|seconds| [(header::RETRY_AFTER, seconds)]);
        (status, content_type, retry_after, Json(problem)).into_response()
    }
}
