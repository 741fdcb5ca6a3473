//! Reading a request's body, within limits.

use super::{Context, problem::ApiError};
use crate::limits::{Held, Limited};
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

/// So much of each body is read whatever others are doing; together no more than this for each
/// connection. Nearly all bodies are smaller, so those who hold large ones back hold up only each
/// other.
const SMALL: usize = 4096;

/// A body, and the room that it takes.
pub(super) struct Read {
    pub bytes: BytesMut,
    /// To be kept for as long as anything that was made of the bytes.
    pub held: Option<Held>,
}

/// Reads the whole body.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    context: &Context,
) -> Result<Read, ApiError> {
    let plain =
        |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        return Err(ApiError::Encoded);
    }
    match tokio::time::timeout(PATIENCE, collect(body, context)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ApiError::SlowBody),
    }
}

async fn collect(mut body: Body, context: &Context) -> Result<Read, ApiError> {
    let mut bytes = BytesMut::new();
    let mut held: Option<Held> = None;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The connection broke: whatever is answered, nobody reads it.
        let frame =
            frame.map_err(|_| ApiError::Malformed("the body was cut before its end".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MAX_REQUEST_BYTES {
            let more = length.saturating_sub(SMALL.max(bytes.len()));
            let fits = match &mut held {
                _ if more == 0 => true,
                Some(held) => held.grow(more),
                None => {
                    held = context.limits.bytes.take(more);
                    held.is_some()
                }
            };
            if !fits {
                return Err(context.too_much(Limited::Bytes));
            }
            bytes.extend_from_slice(&data);
        } else if length > DRAIN_BYTES {
            break;
        } else {
            // It will not be used any more.
            (bytes, held) = (BytesMut::new(), None);
        }
    }
    if length > MAX_REQUEST_BYTES { Err(ApiError::TooLarge) } else { Ok(Read { bytes, held }) }
}
