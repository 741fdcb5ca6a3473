//! Every error answer: `application/problem+json` (RFC 9457).

use crate::ingest::{limits::Limited, parse::MAX_EVENTS};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemas::{MAX_REQUEST_BYTES, Problem};

/// What can go wrong with a request. The text is for the client; causes go to the log.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// Nothing of the request can be used.
    #[error("{0}")]
    Malformed(String),
    /// The body did not arrive in time.
    #[error("the body did not arrive in time; send it again")]
    SlowBody,
    /// The body is too long.
    #[error("the body is longer than {MAX_REQUEST_BYTES} bytes; send fewer events at once")]
    TooLarge,
    /// The body has too many events.
    #[error("the body has more than {MAX_EVENTS} events; send fewer at once")]
    TooManyEvents,
    /// The body is compressed or otherwise encoded.
    #[error("bodies with a content-encoding are not read; send it plain")]
    Encoded,
    /// There is nothing at this path.
    #[error("there is nothing here; events are posted to /api/events")]
    NotFound,
    /// The path knows other methods.
    #[error("this method is not for this path; events are posted to /api/events")]
    MethodNotAllowed,
    /// A page of another site posts, and the relay takes events of some sites alone.
    #[error(
        "pages of this origin may not post events here; the relay knows those that may by --allowed-origins"
    )]
    ForeignOrigin,
    /// One session sends more than its share.
    #[error(
        "this session sends too much; keep the events and send them together, after the time in Retry-After"
    )]
    Flooding {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// More than the relay takes on at once, from all together.
    #[error(
        "there is more to do than the relay takes on at once; keep the events and send them after the time in Retry-After"
    )]
    Crowded {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// Neither Kafka nor the store takes events now.
    #[error("events cannot be taken durably at the moment; keep them and send them again later")]
    Unavailable,
}

/// Seconds after which a client may try again when nothing takes events.
const RETRY_AFTER: u64 = 5;

impl ApiError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            ApiError::Malformed(_) => StatusCode::BAD_REQUEST,
            ApiError::SlowBody => StatusCode::REQUEST_TIMEOUT,
            ApiError::TooLarge | ApiError::TooManyEvents => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::NotFound => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::ForeignOrigin => StatusCode::FORBIDDEN,
            ApiError::Flooding { .. } => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Crowded { .. } | ApiError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What to say to a request that has met a limit.
    pub(super) fn limited(limited: Limited, retry_after: u64) -> Self {
        match limited.is_by_one_session() {
            true => ApiError::Flooding { retry_after },
            false => ApiError::Crowded { retry_after },
        }
    }

    /// Seconds after which the same request may be taken (RFC 9110, section 10.2.3).
    fn retry_after(&self) -> Option<u64> {
        match self {
            ApiError::Flooding { retry_after } | ApiError::Crowded { retry_after } => {
                Some(*retry_after)
            }
            ApiError::Unavailable => Some(RETRY_AFTER),
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = self.retry_after();
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, Json(problem)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::NotFound
}

pub(super) async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_status() {
        for (error, status) in [
            (ApiError::Malformed(String::new()), 400),
            (ApiError::ForeignOrigin, 403),
            (ApiError::NotFound, 404),
            (ApiError::MethodNotAllowed, 405),
            (ApiError::SlowBody, 408),
            (ApiError::TooLarge, 413),
            (ApiError::TooManyEvents, 413),
            (ApiError::Encoded, 415),
            (ApiError::Flooding { retry_after: 3 }, 429),
            (ApiError::Crowded { retry_after: 2 }, 503),
            (ApiError::Unavailable, 503),
        ] {
            let retry_after = matches!(status, 429 | 503);
            let response = error.into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), retry_after);
        }
    }
}
