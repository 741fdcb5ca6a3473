//! Every error answer: `application/problem+json` (RFC 9457).

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
    /// The body is compressed or otherwise encoded.
    #[error("bodies with a content-encoding are not read; send it plain")]
    Encoded,
    /// There is nothing at this path.
    #[error("there is nothing here; events are posted to /api/events")]
    NotFound,
    /// The path knows other methods.
    #[error("this method is not for this path; events are posted to /api/events")]
    MethodNotAllowed,
    /// Neither Kafka nor the store takes events now.
    #[error("events cannot be taken durably at the moment; keep them and send them again later")]
    Unavailable,
}

/// Seconds after which a client may try again when nothing takes events.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

impl ApiError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            ApiError::Malformed(_) => StatusCode::BAD_REQUEST,
            ApiError::SlowBody => StatusCode::REQUEST_TIMEOUT,
            ApiError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ApiError::NotFound => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
        };
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, Json(problem)).into_response();
        if self == ApiError::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
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
            (ApiError::NotFound, 404),
            (ApiError::MethodNotAllowed, 405),
            (ApiError::SlowBody, 408),
            (ApiError::TooLarge, 413),
            (ApiError::Encoded, 415),
            (ApiError::Unavailable, 503),
        ] {
            let retry_after = status == 503;
            let response = error.into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), retry_after);
        }
    }
}
