//! Accept loop with a connection limit, timeouts and graceful shutdown.
//!
//! `axum::serve` has no settings: an idle connection stays for ever, and each can send a head of 400 kB.
//! HTTP/1.1 alone: browsers use HTTP/2 only over TLS, which a proxy in front of the relay ends.

use crate::{
    metrics::{Metrics, Open},
    routes::{self, Site},
    write_timeout::{Permits, WriteTimeout},
};
use axum::{body::Body, extract::ConnectInfo, serve::Listener};
use futures_util::FutureExt;
use hyper::{
    Request,
    body::Incoming,
    rt::{Sleep, Timer},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::{
    convert::Infallible,
    error::Error,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// Time from the end of a response, or from the connection's start, until the head of the next request is
/// whole. Longer than proxies keep idle connections, nginx 60 s and Caddy 120 s: the side that sends the next
/// request must be the one that closes. A separate, shorter limit for heads that have begun would not help: a
/// client that holds connections back sends nothing instead.
const HEAD_TIMEOUT: Duration = Duration::from_secs(130);

/// The same while fewer than a quarter of the connections are available.
const SHORT_HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest head of a request, and the most that is buffered of a body; hyper answers a longer head
/// with 431. Its default is 400 kB.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

/// Serves the site on at most `max_connections` at once; more wait in the system's queue. Ends when
/// `shutdown` is cancelled and every request is answered. Handlers find the peer as [`ConnectInfo`].
pub async fn serve(
    mut listener: TcpListener,
    site: Site,
    max_connections: usize,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let connections = Connections::new(site, max_connections);
    loop {
        let accepted = shutdown.run_until_cancelled(async {
            // Closed only at shutdown.
            let permit = Arc::clone(&connections.permits).acquire_owned().await;
            // Logs errors, and waits for a second after each: without file descriptors it fails at once again.
            (Listener::accept(&mut listener).await, permit)
        });
        let Some(((stream, peer), permit)) = accepted.await else { break };
        set_options(&stream);
        let connection = connections.serve(stream, peer);
        let (metrics, permits) = (Arc::clone(&metrics), Arc::clone(&connections.permits));
        let open = Open::new(&metrics.connections);
        // An async block would store the connection twice: as its variable, and as what it awaits.
        tokio::spawn(connection.map(move |ended| {
            if ended.is_err_and(|error| is_timeout(&error)) && !permits.is_closed() {
                metrics.connection_timed_out();
            }
            drop((open, permit));
        }));
    }
    drop(listener);
    connections.shut_down().await;
}

/// Whether a connection was closed for a timeout of its head or its responses.
fn is_timeout(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.is_timeout() || source.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Sends small responses at once, and ends a connection whose peer acknowledges nothing for a minute
/// (RFC 5482).
fn set_options(stream: &TcpStream) {
    // The connection works without either.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
        const TCP_USER_TIMEOUT_MILLIS: u32 = 60_000;
        let _ = setsockopt(stream, TcpUserTimeout, &TCP_USER_TIMEOUT_MILLIS);
    }
}

/// State that all connections share.
struct Connections {
    builder: http1::Builder,
    site: Site,
    /// Closed at shutdown.
    permits: Arc<Semaphore>,
    scarce: usize,
    graceful: GracefulShutdown,
}

impl Connections {
    fn new(site: Site, max: usize) -> Self {
        let (permits, scarce) = (Arc::new(Semaphore::new(max)), max / 4);
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(MAX_BUFFER_BYTES)
            .timer(HeadTimer(Permits { permits: Arc::clone(&permits), scarce }))
            .header_read_timeout(HEAD_TIMEOUT);
        Self { builder, site, permits, scarce, graceful: GracefulShutdown::new() }
    }

    /// Serves HTTP/1.1 until the connection ends, or after the shutdown until it has no request.
    fn serve<S>(
        &self,
        stream: S,
        peer: SocketAddr,
    ) -> impl Future<Output = hyper::Result<()>> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let site = self.site.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let site = site.clone();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            async move { Ok::<_, Infallible>(routes::respond(site, request).await) }
        });
        let permits = Permits { permits: Arc::clone(&self.permits), scarce: self.scarce };
        let stream = TokioIo::new(WriteTimeout::new(stream, permits));
        self.graceful.watch(self.builder.serve_connection(stream, service))
    }

    async fn shut_down(self) {
        self.permits.close();
        self.graceful.shutdown().await;
    }
}

/// Timer for hyper's wait for a head, which ends early while connections are scarce and at shutdown.
///
/// At shutdown hyper closes idle connections itself, flushed, but waits on for the first head of a
/// connection when a part of it is there.
#[derive(Clone)]
struct HeadTimer(Permits);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let sleep = TokioTimer::new().sleep_until(deadline - (HEAD_TIMEOUT - SHORT_HEAD_TIMEOUT));
        Box::pin(HeadSleep { timer: self.clone(), deadline, sleep })
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }
}

/// The wait for one head.
struct HeadSleep {
    timer: HeadTimer,
    deadline: Instant,
    sleep: Pin<Box<dyn Sleep>>,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { timer, deadline, sleep } = &mut *self;
        while !timer.0.permits.is_closed() {
            ready!(sleep.as_mut().poll(context));
            let now = timer.now();
            if now >= *deadline || timer.0.are_scarce() {
                break;
            }
            TokioTimer::new().reset(sleep, (*deadline).min(now + SHORT_HEAD_TIMEOUT));
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::write_timeout::{SHORT_WRITE_TIMEOUT, WRITE_TIMEOUT};
    use axum::{Router, routing::get};
    use futures_util::{StreamExt, stream};
    use origin_check::Hosts;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        sync::OwnedSemaphorePermit,
        task::JoinHandle,
        time::{Instant, sleep, timeout},
    };

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: relay\r\n\r\n";

    const SECOND: Duration = Duration::from_secs(1);

    /// Bytes of a body that is longer than the buffer of a small connection.
    const LONG: usize = 5000;

    const MAX_CONNECTIONS: usize = 4;

    type Connection = JoinHandle<hyper::Result<()>>;

    /// A server without a socket. Its clock runs only while every task waits.
    fn server() -> Connections {
        let long = || async { "~".repeat(LONG) };
        let ticks = || async {
            Body::from_stream(stream::repeat("tick").then(|tick| async move {
                sleep(60 * SECOND).await;
                Ok::<_, Infallible>(tick)
            }))
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/long", get(long).post(long))
            .route("/ticks", get(ticks));
        Connections::new(Site { router, hosts: Hosts::public(&[]) }, MAX_CONNECTIONS)
    }

    /// A connection with a buffer of so many bytes in each direction.
    fn connect(server: &Connections, buffer: usize) -> (DuplexStream, Connection) {
        let (client, stream) = duplex(buffer);
        (client, tokio::spawn(server.serve(stream, SocketAddr::from(([127, 0, 0, 1], 1)))))
    }

    /// Takes the permits of so many connections.
    fn take_permits(server: &Connections, permits: usize) -> OwnedSemaphorePermit {
        Arc::clone(&server.permits).try_acquire_many_owned(permits as u32).unwrap()
    }

    /// Time until the server times the connection out.
    async fn timed_out_after(connection: Connection) -> Duration {
        let start = Instant::now();
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        Duration::from_secs(start.elapsed().as_secs())
    }

    async fn request(client: &mut DuplexStream) {
        client.write_all(GET).await.unwrap();
        let mut response = vec![0; 4096];
        let length = client.read(&mut response).await.unwrap();
        assert!(response[..length].starts_with(b"HTTP/1.1 200"), "{length} bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_times_out_after_its_last_response() {
        let server = server();
        let (_client, fresh) = connect(&server, 4096);
        assert_eq!(timed_out_after(fresh).await, HEAD_TIMEOUT);
        let (mut client, used) = connect(&server, 4096);
        for _ in 0..10 {
            request(&mut client).await;
            sleep(HEAD_TIMEOUT - SECOND).await;
        }
        assert_eq!(timed_out_after(used).await, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_times_out_early_while_connections_are_scarce() {
        let server = server();
        let (_client, old) = connect(&server, 4096);
        let _three_quarters = take_permits(&server, 3);
        sleep(20 * SECOND).await;
        assert!(!old.is_finished());
        let _all = take_permits(&server, 1);
        assert_eq!(timed_out_after(old).await, 2 * SHORT_HEAD_TIMEOUT - 20 * SECOND);
        let (mut client, new) = connect(&server, 4096);
        request(&mut client).await;
        assert_eq!(timed_out_after(new).await, SHORT_HEAD_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_arrives_byte_by_byte_times_out() {
        let server = server();
        for (permits, expected) in [(0, HEAD_TIMEOUT), (MAX_CONNECTIONS, SHORT_HEAD_TIMEOUT)] {
            let _permits = take_permits(&server, permits);
            let (mut client, connection) = connect(&server, 4096);
            request(&mut client).await;
            tokio::spawn(async move {
                client.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
                while client.write_all(b"x").await.is_ok() {
                    sleep(5 * SECOND).await;
                }
            });
            assert_eq!(timed_out_after(connection).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stream_has_no_timeout_and_ends_with_its_client() {
        let server = server();
        let _all = take_permits(&server, MAX_CONNECTIONS);
        let (mut client, connection) = connect(&server, 4096);
        client.write_all(b"GET /ticks HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        let start = Instant::now();
        while start.elapsed() < 100 * HEAD_TIMEOUT {
            assert!(client.read(&mut [0; 512]).await.unwrap() > 0, "{:?}", start.elapsed());
        }
        drop(client);
        let ended = timeout(61 * SECOND, connection).await.unwrap();
        assert!(ended.unwrap().is_err_and(|error| !error.is_timeout()));
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_takes_nothing_of_a_response_times_out() {
        let server = server();
        for (permits, timeout) in [(0, WRITE_TIMEOUT), (MAX_CONNECTIONS, SHORT_WRITE_TIMEOUT)] {
            let _permits = take_permits(&server, permits);
            let (mut client, connection) = connect(&server, 64);
            client.write_all(b"GET /long HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
            // A client that takes some of it in time goes on.
            for _ in 0..5 {
                sleep(timeout - SECOND).await;
                client.read_exact(&mut [0; 64]).await.unwrap();
            }
            let start = Instant::now();
            assert!(is_timeout(&connection.await.unwrap().unwrap_err()));
            assert_eq!(start.elapsed().as_secs(), timeout.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_no_head() {
        for (requests, part) in [(0, 0), (0, 20), (1, 0), (1, 20)] {
            let server = server();
            let (mut client, _connection) = connect(&server, 4096);
            for _ in 0..requests {
                request(&mut client).await;
            }
            client.write_all(&GET[..part]).await.unwrap();
            sleep(SECOND).await;
            let start = Instant::now();
            server.shut_down().await;
            assert_eq!(start.elapsed().as_secs(), 0, "{requests} requests, {part} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_cut_a_response_that_is_read_slowly() {
        // hyper has all of the response long before the client has. The body of the POST is read only
        // behind the response, and then the connection is idle for hyper.
        for request in [
            "GET /long HTTP/1.1\r\nhost: relay\r\n\r\n",
            "POST /long HTTP/1.1\r\nhost: relay\r\ncontent-length: 3\r\n\r\nabc",
        ] {
            let server = server();
            let (mut client, connection) = connect(&server, 64);
            client.write_all(request.as_bytes()).await.unwrap();
            sleep(SECOND).await;
            let shutdown = tokio::spawn(server.shut_down());
            sleep(SECOND).await;
            assert!(!shutdown.is_finished());
            let mut response = String::new();
            client.read_to_string(&mut response).await.unwrap();
            assert_eq!(response.matches('~').count(), LONG, "{request}");
            assert!(connection.await.unwrap().is_ok());
            shutdown.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_is_too_long_is_rejected() {
        let server = server();
        let (mut client, connection) = connect(&server, 3 * MAX_BUFFER_BYTES);
        let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(2 * MAX_BUFFER_BYTES));
        client.write_all(head.as_bytes()).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 431"), "{response}");
        assert!(connection.await.unwrap().is_err_and(|error| error.is_parse()));
    }
}
