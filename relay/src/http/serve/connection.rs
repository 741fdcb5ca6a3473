//! One connection, from its first byte until it ends or is given up.

use super::{
    super::{accompanied::Accompanied, headers},
    pulse::Silence,
    watched::{Watch, Watched},
};
use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// The most that is kept of what came in and was not looked at yet, and so the longest head of a
/// request: more is answered with 431. hyper's own default is 400 kB.
const MOST_BUFFERED: usize = 16 * 1024;

/// A connection that waits looks at least so often whether it has become crowded.
const LOOK_EVERY: Duration = super::pulse::CROWDED;

/// Serves HTTP/1.1 until the connection ends, or, once `shutdown` is cancelled, until it has no
/// request any more. Gives what was waited for in vain, if that is how it ended.
pub(super) async fn serve<S>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    is_crowded: impl Fn() -> bool,
    shutdown: &CancellationToken,
) -> Option<Silence>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new();
    let io = TokioIo::new(Watched { stream, watch: watch.clone() });
    let seen = watch.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let answering = seen.asked();
        let kind = headers::Kind::of(request.uri().path());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is ready at any time.
        let answer = router.clone().call(request);
        async move {
            let mut answer = answer.await?;
            kind.set(answer.headers_mut());
            Ok::<_, Infallible>(answer.map(|body| Accompanied { body, _companion: answering }))
        }
    });
    let mut http = http1::Builder::new();
    // Heads have their own timeout here (see `pulse`).
    http.max_buf_size(MOST_BUFFERED).header_read_timeout(None);
    let mut served = pin!(http.serve_connection(io, service));
    let mut stopping = pin!(shutdown.cancelled());
    let mut is_stopping = false;
    let mut alarm = pin!(sleep_until(Instant::now() + LOOK_EVERY));
    poll_fn(move |context| {
        // How a connection ends is nobody's business but its peer's, who may be gone.
        if served.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        if !is_stopping && stopping.as_mut().poll(context).is_ready() {
            is_stopping = true;
            served.as_mut().graceful_shutdown();
            if served.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
        }
        let Some((deadline, silence)) = watch.deadline(is_crowded()) else {
            return Poll::Pending;
        };
        if is_stopping {
            // No request is under way, and half a head is none. hyper still has the end of a response that
            // the peer takes slowly, and ends the connection behind it.
            return if watch.is_blocked() { Poll::Pending } else { Poll::Ready(None) };
        }
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Poll::Ready(Some(silence));
            }
            // Set anew only to ring earlier: one that rings too early looks again.
            let look = deadline.min(now + LOOK_EVERY);
            if alarm.is_elapsed() || alarm.deadline() > look {
                alarm.as_mut().reset(look);
            }
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::pulse::{CROWDED, HEAD, IDLE},
        *,
    };
    use axum::routing::get;
    use bytes::Bytes;
    use futures_util::stream;
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        task::JoinHandle,
        time::sleep,
    };

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: relay\r\n\r\n";

    /// A connection to some routes; in the tests time passes only while everybody waits.
    fn open(is_crowded: bool) -> (DuplexStream, JoinHandle<Option<Silence>>, CancellationToken) {
        open_with_buffer(is_crowded, 1 << 20)
    }

    /// Bytes of a body that is longer than what the connection holds.
    const LONG: usize = 5000;

    fn open_with_buffer(
        is_crowded: bool,
        bytes: usize,
    ) -> (DuplexStream, JoinHandle<Option<Silence>>, CancellationToken) {
        let (here, there) = duplex(bytes);
        let ticks = || {
            let tick = stream::unfold((), |()| async {
                sleep(Duration::from_secs(60)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"tick")), ()))
            });
            Body::from_stream(tick)
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/long", get(|| async { "~".repeat(LONG) }))
            .route("/ticks", get(move || async move { ticks() }));
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let served = tokio::spawn(async move {
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            serve(there, peer, router, move || is_crowded, &stop).await
        });
        (here, served, shutdown)
    }

    /// How it ended, and after how many seconds.
    async fn end(served: JoinHandle<Option<Silence>>) -> (Option<Silence>, u64) {
        let start = Instant::now();
        (served.await.unwrap(), start.elapsed().as_secs())
    }

    async fn ask(connection: &mut DuplexStream) -> String {
        connection.write_all(GET).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = connection.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_is_given_up() {
        for (is_crowded, patience) in [(false, IDLE), (true, CROWDED)] {
            let (_connection, served, _) = open(is_crowded);
            assert_eq!(end(served).await, (Some(Silence::Idle), patience.as_secs()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_asks_now_and_then_stays() {
        let (mut connection, served, _) = open(false);
        for _ in 0..10 {
            assert!(ask(&mut connection).await.starts_with("HTTP/1.1 200"));
            sleep(IDLE - Duration::from_secs(1)).await;
        }
        assert_eq!(end(served).await, (Some(Silence::Idle), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_is_given_up() {
        let (mut connection, served, _) = open(false);
        assert!(ask(&mut connection).await.starts_with("HTTP/1.1 200"));
        sleep(Duration::from_secs(40)).await;
        let start = Instant::now();
        for byte in GET {
            if connection.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        assert!(start.elapsed() <= HEAD + Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(served.await.unwrap(), Some(Silence::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_goes_on_for_hours_and_ends_when_its_viewer_leaves() {
        let (mut connection, served, _) = open(true);
        connection.write_all(b"GET /ticks HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        let mut heard = String::new();
        while heard.matches("tick").count() < 200 {
            let mut piece = [0; 512];
            let length = connection.read(&mut piece).await.unwrap();
            assert!(length > 0, "it has ended after {heard}");
            heard += std::str::from_utf8(&piece[..length]).unwrap();
        }
        drop(connection);
        assert_eq!(end(served).await.0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_relay_ends_nobody_waits_for_half_a_head() {
        let (mut connection, served, shutdown) = open(false);
        connection.write_all(&GET[..20]).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        shutdown.cancel();
        assert_eq!(end(served).await, (None, 0));
        let (mut idle, served, shutdown) = open(false);
        ask(&mut idle).await;
        shutdown.cancel();
        assert_eq!(end(served).await, (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_does_not_cut_a_response_that_is_taken_slowly() {
        // hyper has all of the response long before the peer has.
        let (mut connection, served, shutdown) = open_with_buffer(false, 64);
        connection.write_all(b"GET /long HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        shutdown.cancel();
        sleep(Duration::from_secs(1)).await;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let body = answer.iter().filter(|byte| **byte == b'~').count();
        assert_eq!(body, LONG);
        assert_eq!(end(served).await.0, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_without_end_is_refused() {
        let (mut connection, served, _) = open(false);
        let head = [b"GET / HTTP/1.1\r\nx: ", vec![b'x'; 2 * MOST_BUFFERED].as_slice()].concat();
        connection.write_all(&head).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(end(served).await.0, None);
    }
}
