//! Work that goes on when whoever waits for it goes away.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;

/// A future that is polled where it is awaited, as any other. If it is dropped before its end, as
/// hyper does when the client's connection breaks, it goes on in a task of its own.
///
/// A task for each from the start would do the same, and cost each request two more turns of the
/// scheduler.
pub(super) struct Persistent<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Persistent<F> {
    /// Nothing happens before it is polled or dropped.
    pub(super) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Persistent<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Out of its place while it is polled: one that panics must not be polled again.
        let Some(mut future) = self.0.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(future);
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Persistent<F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_goes_on_without_whoever_waited() {
        let (go, gone) = oneshot::channel();
        let (done, is_done) = oneshot::channel();
        let mut work = Persistent::new(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        });
        assert!((&mut work).now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok(7));
    }

    #[tokio::test]
    async fn it_is_done_once() {
        let (done, is_done) = oneshot::channel();
        Persistent::new(async move { done.send(7).unwrap() }).await;
        assert_eq!(is_done.await, Ok(7));
    }
}
