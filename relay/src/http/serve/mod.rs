//! Takes connections, so many at once, and serves them until the relay is told to end.
//!
//! `axum::serve` has no settings: a connection that says nothing would stay for ever, and each could
//! send a head of 400 kB. This is the same loop with limits. It speaks HTTP/1.1 alone: browsers do
//! HTTP/2 only over TLS, which a proxy in front of the relay ends, and what is not there cannot be
//! abused.

mod connection;
mod pulse;
mod watched;

use crate::{metrics::Metrics, telemetry::Throttle};
use axum::Router;
use pulse::Silence;
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Nothing more is tried for so long when the system has no more files.
const OUT_OF_FILES: Duration = Duration::from_millis(500);

static NOT_ACCEPTED: Throttle = Throttle::every(Duration::from_secs(5));

/// Serves the routes, on no more than `most` connections at once; more wait in the system's queue.
/// Ends when `shutdown` is cancelled and all requests are answered. Handlers find their peer as
/// [`axum::extract::ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    most: usize,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(most));
    let connections = TaskTracker::new();
    Silence::ALL.iter().for_each(|silence| metrics.may_give_up(silence.name()));
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { break };
        prepare(&stream);
        let (router, places) = (router.clone(), Arc::clone(&places));
        let (metrics, shutdown) = (Arc::clone(&metrics), shutdown.clone());
        connections.spawn(async move {
            let _open = metrics.connected();
            // A quarter is left.
            let is_crowded = || places.available_permits() < most / 4;
            let silence = connection::serve(stream, peer, router, is_crowded, &shutdown).await;
            if let Some(silence) = silence {
                metrics.gave_up(silence.name());
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, as soon as there is a place for one. `None` if there never will be.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, place)),
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                if let Some(unsaid) = NOT_ACCEPTED.admit(Instant::now()) {
                    tracing::error!(unsaid, "no connection can be accepted: {error}");
                }
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
}

/// Whether it was gone before it was accepted.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// Answers are small and go out at once. Where that can be said, a peer that takes nothing for a
/// minute, a phone that has left or somebody who reads nothing, is gone (RFC 5482).
fn prepare(stream: &TcpStream) {
    // The connection works without either.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
        const TAKES_NOTHING_MILLIS: u32 = 60_000;
        let _ = setsockopt(stream, TcpUserTimeout, &TAKES_NOTHING_MILLIS);
    }
}
