//! A connection, watched: what comes in, and how long it is answered.

use super::pulse::{Pulse, Silence};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// The pulse of one connection, for all that see something of it. Only its own task ever asks, so the
/// lock is always free.
#[derive(Clone)]
pub(super) struct Watch(Arc<Inner>);

struct Inner {
    pulse: Mutex<Pulse>,
    /// Whether the last write has to wait until the peer takes more.
    is_blocked: AtomicBool,
}

impl Watch {
    pub(super) fn new() -> Self {
        let pulse = Mutex::new(Pulse::Idle(Instant::now()));
        Self(Arc::new(Inner { pulse, is_blocked: AtomicBool::new(false) }))
    }

    /// Whether bytes of a response wait until the peer takes more.
    pub(super) fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Relaxed)
    }

    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.0.is_blocked.store(outcome.is_pending(), Relaxed);
        outcome
    }

    pub(super) fn deadline(&self, is_crowded: bool) -> Option<(Instant, Silence)> {
        self.pulse().deadline(is_crowded)
    }

    /// A request came; it is being answered until this is dropped.
    pub(super) fn asked(&self) -> Answering {
        self.pulse().asked();
        Answering(self.clone())
    }

    fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.0.pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
pub(super) struct Answering(Watch);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.pulse().answered(Instant::now());
    }
}

/// The connection itself.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) watch: Watch,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.watch.pulse().received(Instant::now);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch.wrote(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
