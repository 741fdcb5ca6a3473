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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The whole body has to arrive in this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The rest of a rejected body is read and dropped up to here, so that its sender gets the response rather
/// than a reset connection.
const MAX_DRAINED_BYTES: usize = 1024 * 1024;

/// Bytes of each body that need no permits; all connections together have no more than this each. Nearly
/// all bodies are smaller, so clients that hold large ones back block only each other.
const SMALL_BODY_BYTES: usize = 4096;

/// A body that was read.
pub(super) struct Read {
    pub bytes: BytesMut,
    /// To be held for as long as anything made of the bytes.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Reads the whole body. Errors are returned when it has ended, since most clients read the response only
/// then.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    context: &Context,
) -> Result<Read, ApiError> {
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    let is_plain = headers.get_all(header::CONTENT_ENCODING).iter().all(is_identity);
    let error = (!is_plain).then_some(ApiError::Encoded);
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, error, context)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ApiError::SlowBody),
    }
}

/// Keeps the bytes until there is an error, and drops the rest.
async fn collect(
    mut body: Body,
    mut error: Option<ApiError>,
    context: &Context,
) -> Result<Read, ApiError> {
    let mut bytes = BytesMut::new();
    let mut permit: Option<OwnedSemaphorePermit> = None;
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // The connection broke, and no client reads this.
        let frame =
            frame.map_err(|_| ApiError::Malformed("the body was cut before its end".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > MAX_DRAINED_BYTES {
            return Err(error.unwrap_or(ApiError::TooLarge));
        }
        if error.is_none() {
            let more = length.saturating_sub(SMALL_BODY_BYTES.max(bytes.len()));
            error = if length > MAX_REQUEST_BYTES {
                Some(ApiError::TooLarge)
            } else if !acquire(&context.limits.bytes, &mut permit, more) {
                Some(context.limited(Limited::BytesInFlight))
            } else {
                bytes.extend_from_slice(&data);
                continue;
            };
            (bytes, permit) = (BytesMut::new(), None);
        }
    }
    match error {
        None => Ok(Read { bytes, permit }),
        Some(error) => Err(error),
    }
}

/// Adds so many permits to those that are held, if they are available.
fn acquire(
    semaphore: &Arc<Semaphore>,
    held: &mut Option<OwnedSemaphorePermit>,
    permits: usize,
) -> bool {
    if permits == 0 {
        return true;
    }
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    let Ok(more) = Arc::clone(semaphore).try_acquire_many_owned(permits) else {
        return false;
    };
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_grow_with_a_body_and_return_with_its_end() {
        let semaphore = Arc::new(Semaphore::new(10));
        let (mut first, mut second, mut third) = (None, None, None);
        assert!(acquire(&semaphore, &mut first, 4) && acquire(&semaphore, &mut first, 2));
        assert!(acquire(&semaphore, &mut second, 4));
        assert!(!acquire(&semaphore, &mut third, 1) && third.is_none());
        assert!(acquire(&semaphore, &mut third, 0) && third.is_none());
        drop(second);
        assert!(!acquire(&semaphore, &mut first, 5));
        assert_eq!(semaphore.available_permits(), 4);
        drop(first);
        assert_eq!(semaphore.available_permits(), 10);
    }
}
