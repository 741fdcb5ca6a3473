//! Timeout of clients that take nothing of a response.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};

/// Time in which a client must take a part of a response. The system buffers some 100 kB, and accepts more when
/// a third of it is free: a client that takes less than about 500 bytes per second is timed out as well.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// The same while connections are scarce.
pub(crate) const SHORT_WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Permits of connections, which are scarce while fewer than `scarce` are available.
#[derive(Clone)]
pub(crate) struct Permits {
    pub permits: Arc<Semaphore>,
    pub scarce: usize,
}

impl Permits {
    pub(crate) fn are_scarce(&self) -> bool {
        self.permits.available_permits() < self.scarce
    }
}

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] after the timeout.
pub(crate) struct WriteTimeout<S> {
    stream: S,
    permits: Permits,
    /// Since when the stream accepts nothing, and the next check.
    blocked: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> WriteTimeout<S> {
    pub(crate) fn new(stream: S, permits: Permits) -> Self {
        Self { stream, permits, blocked: None }
    }

    /// Passes on the result of a write, or the timeout.
    fn or_timeout(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.blocked = None;
            return written;
        }
        let start = || (Instant::now(), Box::pin(sleep(SHORT_WRITE_TIMEOUT)));
        let (since, check) = self.blocked.get_or_insert_with(start);
        loop {
            ready!(check.as_mut().poll(context));
            if since.elapsed() >= WRITE_TIMEOUT || self.permits.are_scarce() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let next = (*since + WRITE_TIMEOUT).min(Instant::now() + SHORT_WRITE_TIMEOUT);
            check.as_mut().reset(next);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.or_timeout(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.or_timeout(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
