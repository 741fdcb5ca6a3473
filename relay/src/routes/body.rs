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
    mut body: Body,
    context: &Context,
) -> Result<PermittedBody, ApiError> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let reading = async {
        let mut outcome = match headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity) {
            true => acquire(0, context).map(|permit| (BytesMut::new(), permit)),
            false => Err(ApiError::ContentEncoding),
        };
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            // The connection broke, and no client reads this.
            let cut = |_| ApiError::Malformed("the body was cut before its end".to_owned());
            let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
            length += data.len();
            outcome = outcome.and_then(|body| append(body, &data, context));
            if length > MAX_DRAINED_BYTES {
                break;
            }
        }
        outcome
    };
    timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(ApiError::BodyTimeout))
}

/// Appends bytes to a body, or drops it if a limit does not allow so many.
fn append(
    (mut bytes, mut permit): PermittedBody,
    data: &[u8],
    context: &Context,
) -> Result<PermittedBody, ApiError> {
    let length = bytes.len() + data.len();
    if length > MAX_REQUEST_BYTES {
        return Err(ApiError::BodyTooLong);
    }
    permit.merge(acquire(length.saturating_sub(SMALL_BODY_BYTES.max(bytes.len())), context)?);
    bytes.extend_from_slice(data);
    Ok((bytes, permit))
}

fn acquire(bytes: usize, context: &Context) -> Result<OwnedSemaphorePermit, ApiError> {
    let permit = Arc::clone(&context.limits.bytes).try_acquire_many_owned(bytes as u32);
    permit.map_err(|_| context.limited(Limited::BytesInFlight))
}
