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

/// Reads the whole body. Whatever is wrong with it is said when it has ended, since most clients look
/// for an answer only then.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    context: &Context,
) -> Result<Read, ApiError> {
    let plain =
        |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let is_plain = headers.get_all(header::CONTENT_ENCODING).iter().all(plain);
    let refusal = (!is_plain).then_some(ApiError::Encoded);
    match tokio::time::timeout(PATIENCE, collect(body, refusal, context)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ApiError::SlowBody),
    }
}

/// Keeps what comes, for as long as there is no reason to refuse it.
async fn collect(
    mut body: Body,
    mut refusal: Option<ApiError>,
    context: &Context,
) -> Result<Read, ApiError> {
    let mut bytes = BytesMut::new();
    let mut held: Option<Held> = None;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The connection broke: whatever is answered, nobody reads it.
        let frame =
            frame.map_err(|_| ApiError::Malformed("the body was cut before its end".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > DRAIN_BYTES {
            return Err(refusal.unwrap_or(ApiError::TooLarge));
        }
        if refusal.is_none() {
            refusal = if length > MAX_REQUEST_BYTES {
                Some(ApiError::TooLarge)
            } else if !hold(&mut held, length.saturating_sub(SMALL.max(bytes.len())), context) {
                Some(context.too_much(Limited::Bytes))
            } else {
                bytes.extend_from_slice(&data);
                continue;
            };
            (bytes, held) = (BytesMut::new(), None);
        }
    }
    match refusal {
        None => Ok(Read { bytes, held }),
        Some(refusal) => Err(refusal),
    }
}

/// Takes so much more of the room for large bodies, if there is so much.
fn hold(held: &mut Option<Held>, more: usize, context: &Context) -> bool {
    match held {
        _ if more == 0 => true,
        Some(held) => held.grow(more),
        None => {
            *held = context.limits.bytes.take(more);
            held.is_some()
        }
    }
}
