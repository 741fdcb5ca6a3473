//! Accept loop with a connection limit, timeouts and graceful shutdown.
//!
//! `axum::serve` has no settings: an idle connection stays for ever, and each can send a head of 400 kB.
//! HTTP/1.1 alone: browsers use HTTP/2 only over TLS, which a proxy in front of the relay ends.

use crate::{
    metrics::{Metrics, Open},
    routes,
    telemetry::Throttle,
};
use axum::{Router, body::Body, extract::ConnectInfo};
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
    sync::{OwnedSemaphorePermit, Semaphore},
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

/// Delay after a failed `accept`, which fails at once again while the process has no file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(500);

static ACCEPT_ERRORS: Throttle = Throttle::every(Duration::from_secs(5));

/// Serves the routes on at most `max_connections` at once; more wait in the system's queue. Ends when
/// `shutdown` is cancelled and every request is answered. Handlers find the peer as [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let connections = Connections::new(router, max_connections);
    let permits = Arc::clone(&connections.permits);
    let accepted = || shutdown.run_until_cancelled(accept(&listener, &permits));
    while let Some(Some((stream, peer, permit))) = accepted().await {
        set_options(&stream);
        let connection = connections.serve(stream, peer);
        let (metrics, permits) = (Arc::clone(&metrics), Arc::clone(&permits));
        tokio::spawn(async move {
            let open = Open::new(&metrics.connections);
            let timed_out = connection.await.is_err_and(|error| error.is_timeout());
            if timed_out && !permits.is_closed() {
                metrics.connection_timed_out();
            }
            drop((open, permit));
        });
    }
    drop(listener);
    connections.shut_down().await;
}

/// The next connection, once a permit for it is available. `None` never comes before the shutdown.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) if is_peer_error(&error) => {}
            Err(error) => {
                if let Some(suppressed) = ACCEPT_ERRORS.admit(Instant::now()) {
                    tracing::error!(suppressed, "cannot accept connections: {error}");
                }
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Whether the peer closed the connection before it was accepted.
fn is_peer_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
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

/// What all connections share.
struct Connections {
    builder: http1::Builder,
    router: Router,
    /// Closed at shutdown.
    permits: Arc<Semaphore>,
    graceful: GracefulShutdown,
}

impl Connections {
    fn new(router: Router, max: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max));
        let mut builder = http1::Builder::new();
        builder
            .max_buf_size(MAX_BUFFER_BYTES)
            .timer(HeadTimer { permits: Arc::clone(&permits), scarce: max / 4 })
            .header_read_timeout(HEAD_TIMEOUT);
        Self { builder, router, permits, graceful: GracefulShutdown::new() }
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
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            async move { Ok::<_, Infallible>(routes::respond(router, request).await) }
        });
        self.graceful.watch(self.builder.serve_connection(TokioIo::new(stream), service))
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
struct HeadTimer {
    permits: Arc<Semaphore>,
    /// Connections are scarce while fewer permits than this are available.
    scarce: usize,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let sleep = TokioTimer::new().sleep_until(deadline.min(self.now() + SHORT_HEAD_TIMEOUT));
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
        while !timer.permits.is_closed() {
            ready!(sleep.as_mut().poll(context));
            let now = timer.now();
            if now >= *deadline || timer.permits.available_permits() < timer.scarce {
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
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        task::JoinHandle,
        time::{Instant, sleep, timeout},
    };

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: relay\r\n\r\n";

    /// Bytes of a body that is longer than the buffer of a small connection.
    const LONG: usize = 5000;

    const MAX_CONNECTIONS: usize = 4;

    type Connection = JoinHandle<hyper::Result<()>>;

    /// A server without a socket. Its clock runs only while every task waits.
    fn server() -> Connections {
        let long = || async { "~".repeat(LONG) };
        let ticks = || async {
            Body::from_stream(stream::unfold((), |()| async {
                sleep(Duration::from_secs(60)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"tick")), ()))
            }))
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/long", get(long).post(long))
            .route("/ticks", get(ticks));
        Connections::new(router, MAX_CONNECTIONS)
    }

    fn connect(server: &Connections) -> (DuplexStream, Connection) {
        connect_with_buffer(server, 1 << 20)
    }

    fn connect_with_buffer(server: &Connections, bytes: usize) -> (DuplexStream, Connection) {
        let (client, stream) = duplex(bytes);
        (client, tokio::spawn(server.serve(stream, SocketAddr::from(([127, 0, 0, 1], 1)))))
    }

    /// Takes the permits of so many connections.
    fn take_permits(server: &Connections, permits: usize) -> OwnedSemaphorePermit {
        Arc::clone(&server.permits).try_acquire_many_owned(permits as u32).unwrap()
    }

    /// Seconds until the server times the connection out.
    async fn timed_out_after(connection: Connection) -> u64 {
        let start = Instant::now();
        let error = connection.await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{error}");
        start.elapsed().as_secs()
    }

    async fn request(client: &mut DuplexStream) {
        client.write_all(GET).await.unwrap();
        let mut response = vec![0; 4096];
        let length = client.read(&mut response).await.unwrap();
        assert!(response[..length].starts_with(b"HTTP/1.1 200"), "{length} bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_times_out() {
        let server = server();
        let (_client, fresh) = connect(&server);
        assert_eq!(timed_out_after(fresh).await, HEAD_TIMEOUT.as_secs());
        let (mut client, used) = connect(&server);
        request(&mut client).await;
        assert_eq!(timed_out_after(used).await, HEAD_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_times_out_early_while_connections_are_scarce() {
        let server = server();
        let (_client, old) = connect(&server);
        let three_quarters = take_permits(&server, 3);
        sleep(Duration::from_secs(20)).await;
        assert!(!old.is_finished());
        let all = take_permits(&server, 1);
        assert_eq!(timed_out_after(old).await, 2 * SHORT_HEAD_TIMEOUT.as_secs() - 20);
        let (mut client, new) = connect(&server);
        request(&mut client).await;
        assert_eq!(timed_out_after(new).await, SHORT_HEAD_TIMEOUT.as_secs());
        drop((three_quarters, all));
    }

    #[tokio::test(start_paused = true)]
    async fn connection_with_a_request_now_and_then_stays_open() {
        let server = server();
        let (mut client, connection) = connect(&server);
        for _ in 0..10 {
            request(&mut client).await;
            sleep(HEAD_TIMEOUT - Duration::from_secs(1)).await;
        }
        assert_eq!(timed_out_after(connection).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_comes_byte_by_byte_times_out() {
        let server = server();
        for (permits, expected) in [(0, HEAD_TIMEOUT), (MAX_CONNECTIONS, SHORT_HEAD_TIMEOUT)] {
            let permits = take_permits(&server, permits);
            let (mut client, connection) = connect(&server);
            request(&mut client).await;
            let trickle = tokio::spawn(async move {
                for byte in GET.iter().take(GET.len() - 1).chain([b'x'; 1000].iter()) {
                    if client.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_secs(5)).await;
                }
                panic!("the head is still read");
            });
            assert_eq!(timed_out_after(connection).await, expected.as_secs());
            trickle.await.unwrap();
            drop(permits);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stream_goes_on_for_hours_and_ends_with_its_client() {
        let server = server();
        let _all = take_permits(&server, MAX_CONNECTIONS);
        let (mut client, connection) = connect(&server);
        client.write_all(b"GET /ticks HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        let mut received = String::new();
        while received.matches("tick").count() < 200 {
            let mut chunk = [0; 512];
            let length = client.read(&mut chunk).await.unwrap();
            assert!(length > 0, "it has ended after {received}");
            received += std::str::from_utf8(&chunk[..length]).unwrap();
        }
        drop(client);
        let ended = timeout(Duration::from_secs(61), connection).await.unwrap();
        assert!(ended.unwrap().is_err_and(|error| !error.is_timeout()));
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_no_head() {
        for requests in [0, 1] {
            for part in [0, 20] {
                let server = server();
                let (mut client, _connection) = connect(&server);
                for _ in 0..requests {
                    request(&mut client).await;
                }
                client.write_all(&GET[..part]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
                let start = Instant::now();
                server.shut_down().await;
                assert_eq!(start.elapsed().as_secs(), 0, "{requests} requests, {part} bytes");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_cut_a_response_that_is_taken_slowly() {
        // hyper has all of the response long before the client has. The body of the POST is read only
        // behind the response, and then the connection is idle for hyper.
        for head in ["GET /long HTTP/1.1\r\n", "POST /long HTTP/1.1\r\ncontent-length: 3\r\n"] {
            let server = server();
            let (mut client, connection) = connect_with_buffer(&server, 64);
            client.write_all(format!("{head}host: relay\r\n\r\n").as_bytes()).await.unwrap();
            if head.starts_with("POST") {
                client.write_all(b"abc").await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
            let shutdown = tokio::spawn(server.shut_down());
            sleep(Duration::from_secs(1)).await;
            assert!(!shutdown.is_finished());
            let mut response = Vec::new();
            client.read_to_end(&mut response).await.unwrap();
            assert_eq!(response.iter().filter(|byte| **byte == b'~').count(), LONG, "{head}");
            assert!(connection.await.unwrap().is_ok());
            shutdown.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn head_without_end_is_rejected() {
        let server = server();
        let (mut client, connection) = connect(&server);
        let head = [b"GET / HTTP/1.1\r\nx: ", vec![b'x'; 2 * MAX_BUFFER_BYTES].as_slice()].concat();
        client.write_all(&head).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 431"), "{response}");
        assert!(connection.await.unwrap().is_err_and(|error| error.is_parse()));
    }
}
