//! A body with something that ends when it does: a place that it takes, a clock that it holds.

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// The body of an answer, and what is dropped with it: when all of it was handed over, or when the one
/// who asked has left.
pub(super) struct Accompanied<T> {
    pub(super) body: Body,
    pub(super) _companion: T,
}

impl<T: Unpin> HttpBody for Accompanied<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
