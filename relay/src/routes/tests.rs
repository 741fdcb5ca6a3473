//! The router in process: every route, and every kind of problem.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    clock,
    ingest::limits::{LimitOptions, MAX_REQUESTS_IN_FLIGHT},
    sink::testing::{SinkDouble, direct, events},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::{Request, StatusCode},
    response::Response,
};
use clap::{Args, FromArgMatches};
use live_stats::{Capacity, StoreSource};
use schemas::{Problem, Receipt};
use serde_json::{Value, json};
use std::{fs, net::SocketAddr, path::PathBuf, time::SystemTime};
use tokio::time::{sleep, timeout};

const SESSION: &str = "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e";

/// A file with a hash of its content in its name.
const SCRIPT: &str = "page-1f2e3d4c5b6a7980.js";

/// A relay without a socket.
struct TestRelay {
    router: Router,
    context: Arc<Context>,
    sink: SinkDouble,
    folder: tempfile::TempDir,
}

impl TestRelay {
    fn new() -> Self {
        Self::with(&[], &[])
    }

    /// With these options for limits, and these origins allowed.
    fn with(options: &[&str], origins: &[&str]) -> Self {
        let sink = SinkDouble::default();
        let delivery = Arc::new(Delivery::new(sink.sink(), None));
        Self::with_delivery(options, origins, sink, delivery)
    }

    fn with_delivery(
        options: &[&str],
        origins: &[&str],
        sink: SinkDouble,
        delivery: Arc<Delivery>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store.sqlite")).unwrap();
        let command = LimitOptions::augment_args(clap::Command::new("relay"));
        let matches = command.try_get_matches_from([&["relay"], options].concat()).unwrap();
        let limits = LimitOptions::from_arg_matches(&matches).unwrap();
        let (metrics, shutdown) = (Arc::new(Metrics::default()), CancellationToken::new());
        let (source, capacity) = (StoreSource::new(store.clone()), Capacity::for_sessions(10));
        let origins = origins.iter().map(|origin| AllowedOrigins::parse(origin).unwrap());
        let context = Arc::new(Context {
            delivery,
            store,
            kafka: None,
            geo: Geo::open(None, false).unwrap(),
            proxies: Arc::default(),
            live: LiveStats::start(source, capacity, clock::now, shutdown.clone()).unwrap(),
            metrics,
            limits: Arc::new(Limits::new(&limits, None)),
            origins: AllowedOrigins::new(origins),
            shutdown,
        });
        Self { router: router(Arc::clone(&context), None), context, sink, folder }
    }

    /// With the page in a folder: a document in two places, a hashed script and a service worker, of which
    /// all have compressed variants.
    fn with_static_files() -> Self {
        let mut relay = Self::new();
        let page = relay.page();
        for name in ["index.html", "live/index.html", SCRIPT, "sw.js"] {
            let file = page.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            for (ending, content) in [("", "as it is"), (".br", "brotli"), (".gz", "gzip")] {
                fs::write(page.join(format!("{name}{ending}")), content).unwrap();
            }
        }
        relay.router = router(Arc::clone(&relay.context), Some(&page));
        relay
    }

    /// The folder with the page.
    fn page(&self) -> PathBuf {
        self.folder.path().join("page")
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
        respond(self.router.clone(), request).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, body: impl Into<Body>) -> Response {
        self.send(Request::post("/api/events").body(body.into()).unwrap()).await
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

fn batch(counts: std::ops::Range<u64>) -> String {
    let time = clock::now().to_string();
    let event = |count| json!({"timestamp": time, "action": "PressButton", "count": count});
    let events: Vec<Value> = counts.map(event).collect();
    json!({"session_id": SESSION, "events": events}).to_string()
}

async fn bytes(response: Response) -> Bytes {
    to_bytes(response.into_body(), usize::MAX).await.unwrap()
}

/// Checks that it is a problem (RFC 9457) with this status, and gives it.
async fn problem(response: Response, status: u16) -> Problem {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let may_retry = matches!(status, 429 | 503);
    assert_eq!(response.headers().contains_key(header::RETRY_AFTER), may_retry);
    let problem: Problem = serde_json::from_slice(&bytes(response).await).unwrap();
    assert_eq!(problem.status, status);
    problem
}

#[tokio::test]
async fn posted_events_are_durable_before_the_receipt() {
    let relay = TestRelay::new();
    let response = relay.post(batch(0..3)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let receipt: Receipt = serde_json::from_slice(&bytes(response).await).unwrap();
    assert_eq!((receipt.accepted, receipt.durable_in.as_str()), (vec![0, 1, 2], "store"));
    assert_eq!(relay.sink.counts(), [0, 1, 2]);
}

#[tokio::test]
async fn receipt_says_that_events_are_in_kafka() {
    let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
    let delivery = direct(&store, &kafka).await;
    let relay = TestRelay::with_delivery(&[], &[], store, delivery);
    let receipt: Receipt =
        serde_json::from_slice(&bytes(relay.post(batch(0..2)).await).await).unwrap();
    assert_eq!(receipt.durable_in, "kafka");
    assert_eq!((kafka.counts(), relay.sink.counts()), (vec![0, 1], vec![]));
    // And of a part that Kafka rejects, the store.
    kafka.state().rejected.insert(3);
    let receipt: Receipt =
        serde_json::from_slice(&bytes(relay.post(batch(2..5)).await).await).unwrap();
    assert_eq!((receipt.accepted, receipt.durable_in.as_str()), (vec![2, 3, 4], "store"));
    assert_eq!((kafka.counts(), relay.sink.counts()), (vec![0, 1, 2, 4], vec![3]));
}

#[tokio::test]
async fn health_readiness_and_metrics_are_answered() {
    let relay = TestRelay::new();
    let health = relay.get("/healthz").await;
    assert_eq!((health.status(), bytes(health).await), (StatusCode::OK, "ok\n".into()));
    let ready = relay.get("/readyz").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = serde_json::from_slice(&bytes(ready).await).unwrap();
    assert_eq!(
        ready,
        json!({
            "ready": true,
            "kafka": {"state": "not_configured"},
            "store": {"writable": true, "undelivered": 0},
            "geo_database": null,
        })
    );
    relay.post("what?").await;
    let metrics = relay.get("/metrics").await;
    assert_eq!(metrics.status(), StatusCode::OK);
    let text = String::from_utf8(bytes(metrics).await.to_vec()).unwrap();
    assert!(text.contains("kafka_button_requests_refused_total{status=\"400\"} 1"), "{text}");
}

#[tokio::test]
async fn health_checks_wait_for_no_store() {
    let relay = TestRelay::new();
    let path = relay.folder.path().join("store.sqlite");
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = relay.context.store.clone();
    let insert = tokio::spawn(async move { store.insert(events(0..1)).await });
    for path in ["/readyz", "/metrics"] {
        let response = timeout(Duration::from_millis(500), relay.get(path)).await;
        assert_eq!(response.unwrap().status(), StatusCode::OK, "{path}");
    }
    assert!(!insert.is_finished(), "the store is locked");
    other.execute_batch("ROLLBACK").unwrap();
    insert.await.unwrap().unwrap();
}

#[tokio::test]
async fn readiness_ends_with_the_stores_file() {
    let relay = TestRelay::new();
    std::fs::remove_file(relay.folder.path().join("store.sqlite")).unwrap();
    while relay.context.store.problem().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ready = relay.get("/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = serde_json::from_slice(&bytes(ready).await).unwrap();
    let reason = ready["store"]["reason"].as_str().unwrap();
    assert!(reason.contains("removed or replaced"), "{reason}");
}

#[tokio::test]
async fn live_numbers_are_a_snapshot_and_a_stream() {
    let relay = TestRelay::new();
    let stats = relay.get("/api/stats").await;
    assert_eq!(stats.headers()[header::CONTENT_TYPE], "application/json");
    let stats: Value = serde_json::from_slice(&bytes(stats).await).unwrap();
    assert_eq!(stats["presses"], 0);
    let live = relay.get(&format!("/api/live?session={SESSION}")).await;
    assert_eq!(live.headers()[header::CONTENT_TYPE], "text/event-stream");
    relay.context.shutdown.cancel();
    let text = String::from_utf8(bytes(live).await.to_vec()).unwrap();
    assert!(text.starts_with("retry: 2000\n\nevent: you\ndata: {"), "{text}");
}

#[tokio::test]
async fn root_says_that_there_is_no_page() {
    let relay = TestRelay::new();
    assert!(bytes(relay.get("/").await).await.starts_with(b"The relay runs."));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let relay = TestRelay::new();
    for path in ["/api", "/api/none", "/none"] {
        problem(relay.get(path).await, 404).await;
    }
    problem(relay.get("/api/events").await, 405).await;
    let post = Request::post("/api/stats").body(Body::empty()).unwrap();
    problem(relay.send(post).await, 405).await;
    problem(relay.get("/api/live?session=7").await, 400).await;
}

#[tokio::test]
async fn bad_bodies_are_problems_and_leave_nothing() {
    let relay = TestRelay::new();
    for body in ["", "{}", "[]", "what?", "{\"session_id\":7,\"events\":[]}"] {
        problem(relay.post(body).await, 400).await;
    }
    let broken = Body::from_stream(futures_util::stream::iter([
        Ok(Bytes::from_static(b"{\"session_id\"")),
        Err(std::io::Error::other("the connection broke")),
    ]));
    problem(relay.post(broken).await, 400).await;
    problem(relay.post("x".repeat(schemas::MAX_REQUEST_BYTES + 1)).await, 413).await;
    problem(relay.post("x".repeat(3 << 20)).await, 413).await;
    let many = format!(r#"{{"session_id":"{SESSION}","events":[0{}]}}"#, ",0".repeat(2000));
    assert!(problem(relay.post(many).await, 413).await.detail.contains("2000 events"));
    let encoded = Request::post("/api/events").header(header::CONTENT_ENCODING, "gzip");
    problem(relay.send(encoded.body(batch(0..1).into()).unwrap()).await, 415).await;
    assert_eq!(relay.sink.state().attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn body_that_never_ends_is_a_problem() {
    let relay = TestRelay::new();
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    problem(relay.post(body).await, 408).await;
}

#[tokio::test]
async fn limits_are_problems_with_a_time_to_wait() {
    let relay = TestRelay::with(&["--session-requests=1"], &[]);
    let mut last = relay.post(batch(0..1)).await;
    while last.status() == StatusCode::OK {
        last = relay.post(batch(0..1)).await;
    }
    assert!(problem(last, 429).await.detail.contains("this session"));
    let relay = TestRelay::with(&["--max-connections=2"], &[]);
    let _viewer = relay.get("/api/live").await;
    problem(relay.get("/api/live").await, 503).await;
    let relay = TestRelay::with(&["--max-bytes-in-flight=1"], &[]);
    problem(relay.post("x".repeat(50_000)).await, 503).await;
}

#[tokio::test(start_paused = true)]
async fn request_over_the_in_flight_limit_is_a_problem_and_accepted_later() {
    let relay = TestRelay::new();
    let in_flight = &relay.context.limits.in_flight;
    let _others = in_flight.try_acquire_many(MAX_REQUESTS_IN_FLIGHT as u32 - 1).unwrap();
    relay.sink.state().write_delay = Duration::from_secs(1);
    let (first, second) = tokio::join!(relay.post(batch(0..1)), async {
        while in_flight.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        relay.post(batch(1..2)).await
    });
    assert_eq!(first.status(), StatusCode::OK);
    problem(second, 503).await;
    assert_eq!(relay.post(batch(1..2)).await.status(), StatusCode::OK);
    assert_eq!(relay.sink.counts(), [0, 1]);
    let text = String::from_utf8(bytes(relay.get("/metrics").await).await.to_vec()).unwrap();
    let limited = r#"kafka_button_requests_limited_total{limit="requests_in_flight"} 1"#;
    assert!(text.contains(limited), "{text}");
}

#[tokio::test]
async fn store_that_takes_nothing_is_a_problem_and_then_is_not() {
    let relay = TestRelay::new();
    relay.sink.state().writes_fail = true;
    problem(relay.post(batch(0..1)).await, 503).await;
    relay.sink.state().writes_fail = false;
    assert_eq!(relay.post(batch(0..1)).await.status(), StatusCode::OK);
    assert_eq!(relay.sink.counts(), [0]);
}

#[tokio::test]
async fn foreign_pages_are_a_problem_where_there_is_a_list() {
    let relay = TestRelay::with(&[], &["https://button.example.com"]);
    let from = async |origin: &str| {
        let post = Request::post("/api/events").header(header::HOST, "relay.example.com");
        let post = post.header(header::ORIGIN, origin).body(batch(0..1).into()).unwrap();
        relay.send(post).await
    };
    for origin in ["https://button.example.com", "https://relay.example.com"] {
        assert_eq!(from(origin).await.status(), StatusCode::OK, "{origin}");
    }
    problem(from("https://evil.example").await, 403).await;
    let text = String::from_utf8(bytes(relay.get("/metrics").await).await.to_vec()).unwrap();
    assert!(text.contains("kafka_button_requests_refused_total{status=\"403\"} 1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn events_of_a_client_that_disconnects_are_recorded() {
    let relay = TestRelay::new();
    relay.sink.state().write_delay = Duration::from_secs(2);
    let permits = || relay.context.limits.in_flight.available_permits();
    let all = permits();
    let disconnected = timeout(Duration::from_secs(1), relay.post(batch(0..3))).await;
    assert!(disconnected.is_err());
    assert_eq!((relay.sink.counts(), permits()), (vec![], all - 1));
    sleep(Duration::from_secs(2)).await;
    assert_eq!((relay.sink.counts(), permits()), (vec![0, 1, 2], all));
}

#[tokio::test]
async fn every_response_has_the_common_headers() {
    let relay = TestRelay::new();
    let mut responses = vec![(true, relay.post(batch(0..1)).await), (true, relay.post("").await)];
    for path in ["/api", "/api/events", "/api/none", "/api/stats", "/", "/none", "/healthz"] {
        responses.push((path.starts_with("/api"), relay.get(path).await));
    }
    let put = Request::put("/healthz").body(Body::empty()).unwrap();
    responses.push((false, relay.send(put).await));
    for (is_api, response) in responses {
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(headers.contains_key(schemas::RECEIPT_HEADER), is_api, "{headers:?}");
        assert_eq!(headers.get("cache-control").is_some_and(|it| it == "no-store"), is_api);
    }
}

fn static_request(method: &str, path: &str, headers: &[(HeaderName, &str)]) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |it, (name, value)| it.header(name, *value));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn static_files_have_caching_and_policy_by_their_name() {
    const DOCUMENT: &str = "frame-ancestors 'none'";
    const FILE: &str = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";
    const IMMUTABLE: &str = "public, max-age=31536000, immutable";
    let relay = TestRelay::with_static_files();
    for (path, content_type, caching, policy) in [
        ("/", "text/html", "no-cache", DOCUMENT),
        ("/index.html", "text/html", "no-cache", DOCUMENT),
        ("/live/", "text/html", "no-cache", DOCUMENT),
        ("/sw.js", "text/javascript", "no-cache", FILE),
        (&format!("/{SCRIPT}"), "text/javascript", IMMUTABLE, FILE),
    ] {
        for (accepted, encoding, body) in [
            ("identity", None, "as it is"),
            ("gzip", Some("gzip"), "gzip"),
            ("gzip, br", Some("br"), "brotli"),
        ] {
            let accept = (header::ACCEPT_ENCODING, accepted);
            let response =
                relay.send(static_request("GET", path, std::slice::from_ref(&accept))).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let headers = response.headers().clone();
            assert_eq!(headers[header::CONTENT_TYPE], content_type, "{path}");
            assert_eq!(headers.get("content-encoding").map(|it| it.to_str().unwrap()), encoding);
            assert_eq!(headers[header::CACHE_CONTROL], caching, "{path}");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], policy, "{path}");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(!headers.contains_key(schemas::RECEIPT_HEADER));
            assert_eq!(bytes(response).await, body);

            let head = static_request("HEAD", path, std::slice::from_ref(&accept));
            let head = relay.send(head).await;
            assert_eq!((head.status(), head.headers()), (StatusCode::OK, &headers), "{path}");
            assert!(bytes(head).await.is_empty());

            let copy = (header::IF_NONE_MATCH, headers[header::ETAG].to_str().unwrap());
            let response = relay.send(static_request("GET", path, &[accept, copy])).await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path}");
            for name in ["cache-control", "content-security-policy", "etag"] {
                assert_eq!(response.headers()[name], headers[name], "{path}");
            }
        }
    }
}

#[tokio::test]
async fn static_files_that_do_not_exist_are_not_found() {
    let relay = TestRelay::with_static_files();
    let long = format!("/{}", "x".repeat(256));
    for path in [
        "/none",
        "/none.html",
        "/live/none",
        "/live/none/",
        "/index.html/x",
        "/page-0000000000000000.js",
        "/..%2fstore.sqlite",
        "/../store.sqlite",
        "/%00",
        "/index%00.html",
        "//live",
        "/live//",
        &long,
        &"/x".repeat(600),
    ] {
        for method in ["GET", "HEAD"] {
            let response = relay.send(static_request(method, path, &[])).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
        }
    }
    let post = relay.send(static_request("POST", "/index.html", &[])).await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    let folder = relay.get("/live").await;
    assert_eq!(folder.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(folder.headers()[header::LOCATION], "/live/");
}

#[tokio::test]
async fn edited_document_is_served_uncompressed() {
    let relay = TestRelay::with_static_files();
    let set_age = |name: &str, seconds: u64| {
        let file = fs::File::options().write(true).open(relay.page().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    };
    let body = async |path: &str| {
        let accept = [(header::ACCEPT_ENCODING, "br")];
        bytes(relay.send(static_request("GET", path, &accept)).await).await
    };
    set_age("live/index.html", 20);
    set_age("live/index.html.br", 10);
    set_age("live/index.html.gz", 10);
    for path in ["/live/", "/live/index.html"] {
        assert_eq!(body(path).await, "brotli", "{path}");
    }
    set_age("live/index.html", 0);
    for path in ["/live/", "/live/index.html"] {
        assert_eq!(body(path).await, "as it is", "{path}");
    }
    set_age("index.html", 30);
    assert_eq!(body("/").await, "brotli");
}

#[tokio::test]
async fn static_file_holds_a_permit_until_its_body_is_dropped() {
    let relay = TestRelay::with_static_files();
    let files = &relay.context.limits.files;
    let all = files.available_permits();
    let response = relay.get("/index.html").await;
    assert_eq!(files.available_permits(), all - 1);
    let others = files.try_acquire_many(all as u32 - 1).unwrap();
    problem(relay.get("/index.html").await, 503).await;
    drop(response);
    assert_eq!(relay.get("/index.html").await.status(), StatusCode::OK);
    drop(others);
    assert_eq!(files.available_permits(), all);
}
