//! Reading a request's body, within limits.

use super::{Context, problem::ApiError};
use crate::ingest::limits::Limited;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
};
use bytes::BytesMut;
use http_body_util::BodyExt;
use schemas::MAX_REQUEST_BYTES;
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

/// The whole body has to arrive in this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The rest of a rejected body is read and dropped up to here, so that its sender gets the response rather
/// than a reset connection.
const MAX_DRAINED_BYTES: usize = 1024 * 1024;

/// Bytes of each body that need no permits; all connections together have no more than this each. Nearly
/// all bodies are smaller, so clients that hold large ones back block only each other.
const SMALL_BODY_BYTES: usize = 4096;

/// A body, and the permit for its bytes, to be held for as long as anything made of them.
type PermittedBody = (BytesMut, OwnedSemaphorePermit);

/// Reads the whole body. Errors are returned when it has ended, since most clients read the response only
/// then.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    context: &Context,
) -> Result<PermittedBody, ApiError> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let is_plain = headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity);
    let error = (!is_plain).then_some(ApiError::ContentEncoding);
    timeout(BODY_TIMEOUT, collect(body, error, context)).await.unwrap_or(Err(ApiError::BodyTimeout))
}

/// Keeps the bytes until there is an error, and drops the rest.
async fn collect(
    mut body: Body,
    mut error: Option<ApiError>,
    context: &Context,
) -> Result<PermittedBody, ApiError> {
    let acquire = |bytes: usize| {
        let permit = Arc::clone(&context.limits.bytes).try_acquire_many_owned(bytes as u32);
        permit.map_err(|_| context.limited(Limited::Bytes))
    };
    let (mut bytes, mut permit) = (BytesMut::new(), acquire(0)?);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The connection broke, and no client reads this.
        let frame =
            frame.map_err(|_| ApiError::Malformed("the body was cut before its end".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > MAX_DRAINED_BYTES {
            return Err(error.unwrap_or(ApiError::BodyTooLong));
        }
        if error.is_some() {
            continue;
        }
        let more = match length {
            ..=MAX_REQUEST_BYTES => {
                acquire(length.saturating_sub(SMALL_BODY_BYTES.max(bytes.len())))
            }
            _ => Err(ApiError::BodyTooLong),
        };
        match more {
            Ok(more) => {
                permit.merge(more);
                bytes.extend_from_slice(&data);
            }
            Err(reason) => {
                error = Some(reason);
                (bytes, permit) = (BytesMut::new(), acquire(0)?);
            }
        }
    }
    error.map_or(Ok((bytes, permit)), Err)
}
