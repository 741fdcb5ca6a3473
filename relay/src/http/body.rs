//! Reading a request's body, within limits.

use super::problem::ApiError;
use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use schemas::MAX_REQUEST_BYTES;
use std::time::Duration;

/// The whole body has to arrive in this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A longer body is read on and thrown away up to here, so that its sender gets to see the answer
/// rather than a cut connection.
const DRAIN_BYTES: usize = 1024 * 1024;

/// Reads the whole body.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<BytesMut, ApiError> {
    let plain =
        |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        return Err(ApiError::Encoded);
    }
    match tokio::time::timeout(PATIENCE, collect(body)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ApiError::SlowBody),
    }
}

async fn collect(mut body: Body) -> Result<BytesMut, ApiError> {
    let mut bytes = BytesMut::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The connection broke: whatever is answered, nobody reads it.
        let frame =
            frame.map_err(|_| ApiError::Malformed("the body was cut before its end".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_REQUEST_BYTES {
            bytes.extend_from_slice(&data);
        } else if length > DRAIN_BYTES {
            break;
        }
    }
    if length > MAX_REQUEST_BYTES { Err(ApiError::TooLarge) } else { Ok(bytes) }
}
