//! The router in process: every route, and every kind of problem.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    clock,
    config::{Cli, Options},
    ingest::limits::MAX_REQUESTS_IN_FLIGHT,
    sink::testing::{SinkDouble, direct, events},
};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::ConnectInfo,
    http::StatusCode,
};
use clap::Parser;
use event_store::Delivered;
use futures_util::{StreamExt, stream};
use live_stats::{Capacity, StoreSource};
use schemas::{Problem, Receipt, RecordMetadata, stats::Stats};
use serde_json::{Value, json};
use std::{fs, io, path::PathBuf, time::SystemTime};
use tokio::time::{sleep, timeout};

const SESSION: &str = "0d4a1185-88c1-4d5a-9d5a-2a4d3c1b0f9e";

/// With a place for a quarter of all addresses.
const DATABASE: &str =
    concat!("--geo-database=", env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/mmdb/ipv4.mmdb");

/// A file with a hash of its content in its name.
const SCRIPT: &str = "page-1f2e3d4c5b6a7980.js";

/// A relay without a socket.
struct TestRelay {
    site: Site,
    management: Site,
    context: Arc<Context>,
    sink: SinkDouble,
    folder: tempfile::TempDir,
}

impl TestRelay {
    fn new() -> Self {
        Self::with_options(&[])
    }

    fn with_options(options: &[&str]) -> Self {
        let sink = SinkDouble::default();
        let delivery = Arc::new(Delivery::new(sink.sink(), None));
        Self::with_delivery(options, sink, delivery)
    }

    fn with_delivery(options: &[&str], sink: SinkDouble, delivery: Arc<Delivery>) -> Self {
        let arguments = options;
        let options = parse(arguments);
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&folder.path().join("store.sqlite"), event_store::Limits::default())
                .unwrap();
        let shutdown = CancellationToken::new();
        let geo = Geo::open(options.geo).unwrap();
        let source = Box::new(StoreSource::new(store.clone()));
        let (capacity, ending) = (Capacity::for_sessions(10), shutdown.clone());
        let live =
            LiveStats::start(source, capacity, options.live, geo.places(), clock::now, ending)
                .unwrap();
        let context = Arc::new(Context {
            delivery,
            store,
            topic: options.kafka.topic,
            kafka: None,
            geo,
            metrics: Arc::default(),
            limits: Arc::new(Limits::new(&options.limits, None)),
            live,
            kept_days: Some(90),
            shutdown,
        });
        let options = parse(arguments);
        let site = site(&context, &options, None);
        let router = management_router(Arc::clone(&context));
        let management = Site { router, hosts: Hosts::private(&options.origins.public_url) };
        Self { site, management, context, sink, folder }
    }

    /// With the page in a folder: a document in two places, a hashed script and a service worker, of which
    /// all have compressed variants.
    fn with_static_files(options: &[&str]) -> Self {
        let mut relay = Self::with_options(options);
        let page = relay.page();
        fs::create_dir_all(page.join("live")).unwrap();
        for name in ["index.html", "live/index.html", SCRIPT, "sw.js"] {
            for (ending, content) in [("", "as it is"), (".br", "brotli"), (".gz", "gzip")] {
                fs::write(page.join(format!("{name}{ending}")), content).unwrap();
            }
        }
        relay.site = site(&relay.context, &parse(options), Some(&page));
        relay
    }

    /// The folder with the page.
    fn page(&self) -> PathBuf {
        self.folder.path().join("page")
    }

    /// Sends a request, and checks the headers that every response has.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        self.send_to(&self.site, method, path, headers, body.into()).await
    }

    /// As [`TestRelay::send`], to one of both listeners.
    async fn send_to(
        &self,
        site: &Site,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut request = Request::builder().method(method).uri(path).extension(peer);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "relay");
        }
        let request =
            headers.iter().fold(request, |it, (name, value)| it.header(*name, value.as_bytes()));
        let response = respond(site.clone(), request.body(body).unwrap()).await;
        let has = |name, value| response.headers().get(name).is_some_and(|it| it == value);
        assert!(has("x-content-type-options", "nosniff"), "{path}");
        assert!(has("referrer-policy", "no-referrer"), "{path}");
        assert!(has("cross-origin-resource-policy", "same-origin"), "{path}");
        let is_api = path == "/api" || path.starts_with("/api/");
        assert_eq!(response.headers().contains_key(RECEIPT_HEADER), is_api, "{path}");
        assert_eq!(has("cache-control", "no-store"), is_api, "{path}");
        response
    }

    async fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], "").await
    }

    /// From the management listener.
    async fn manage(&self, path: &str) -> Response {
        self.send_to(&self.management, "GET", path, &[], Body::empty()).await
    }

    async fn post(&self, body: impl Into<Body>) -> Response {
        self.send("POST", "/api/events", &[], body).await
    }

    /// Posts events that are accepted.
    async fn receipt(&self, counts: std::ops::Range<u64>) -> Receipt {
        let response = self.post(batch(counts)).await;
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_str(&text(response).await).unwrap()
    }

    /// Checks that the metrics contain a sample.
    async fn assert_metric(&self, sample: &str) {
        let metrics = text(self.manage("/metrics").await).await;
        assert!(metrics.contains(&format!("\nkafka_button_{sample}\n")), "{sample} in {metrics}");
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

fn parse(options: &[&str]) -> Options {
    Cli::try_parse_from([&["relay"], options].concat()).unwrap().options
}

fn site(context: &Arc<Context>, options: &Options, page: Option<&Path>) -> Site {
    let posters =
        Posters::new(&options.origins.allowed_origins, &options.origins.public_url, page.is_some());
    let router = router(Arc::clone(context), &posters, page);
    Site { router, hosts: Hosts::public(&options.origins.public_url) }
}

fn batch(counts: std::ops::Range<u64>) -> String {
    let time = clock::now().to_string();
    let event = |count| json!({"timestamp": time, "action": "PressButton", "count": count});
    let events: Vec<Value> = counts.map(event).collect();
    json!({"session_id": SESSION, "events": events}).to_string()
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().into()).unwrap()
}

/// Checks that it is a problem (RFC 9457) with this status, and returns its detail.
async fn problem(response: Response, status: u16) -> String {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let may_retry = matches!(status, 429 | 503);
    assert_eq!(response.headers().contains_key(header::RETRY_AFTER), may_retry);
    let problem: Problem = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem.status, status);
    problem.detail
}

#[tokio::test]
async fn posted_events_are_durable_before_the_receipt() {
    let relay = TestRelay::new();
    let receipt = relay.receipt(0..3).await;
    assert_eq!((receipt.accepted, receipt.durable_in.as_str()), (vec![0, 1, 2], "store"));
    assert_eq!(relay.sink.counts(), [0, 1, 2]);
}

#[tokio::test]
async fn receipt_names_kafka_only_if_it_has_all_events() {
    let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
    let delivery = direct(&store, &kafka).await;
    let relay = TestRelay::with_delivery(&[], store, delivery);
    assert_eq!(relay.receipt(0..2).await.durable_in, "kafka");
    assert_eq!((kafka.counts(), relay.sink.counts()), (vec![0, 1], vec![]));
    kafka.state().rejected.insert(3);
    let receipt = relay.receipt(2..5).await;
    assert_eq!((receipt.accepted, receipt.durable_in.as_str()), (vec![2, 3, 4], "store"));
    assert_eq!((kafka.counts(), relay.sink.counts()), (vec![0, 1, 2, 4], vec![3]));
}

#[tokio::test]
async fn receipt_has_records_of_events_that_are_in_kafka() {
    let (kafka, store) = (SinkDouble::default(), SinkDouble::default());
    let delivery = direct(&store, &kafka).await;
    let relay = TestRelay::with_delivery(&[], store, delivery);
    relay.receipt(0..3).await;
    kafka.state().rejected.insert(4);
    let records = relay.receipt(3..6).await.kafka.unwrap();
    assert_eq!(records.topic, "button_presses");
    let offsets: Vec<_> = records.records().map(|(count, it)| (count, it.offset)).collect();
    assert_eq!(offsets, [(3, 3), (5, 4)], "the other waits in the store");
    kafka.state().writes_fail = true;
    assert_eq!(relay.receipt(6..8).await.kafka, None);
}

#[tokio::test]
async fn records_are_found_after_delivery_by_session_and_count() {
    let relay = TestRelay::new();
    let ask = async |body: &str| relay.send("POST", "/api/records", &[], body.to_owned()).await;
    let own = format!(r#"{{"session_id": "{SESSION}", "counts": [2, 0, 9]}}"#);
    let nothing = json!({"topic": "button_presses", "partitions": []});
    let found = async |body: &str| {
        let response = ask(body).await;
        assert_eq!(response.status(), StatusCode::OK);
        serde_json::from_str::<Value>(&text(response).await).unwrap()
    };
    assert_eq!(found(&own).await, nothing);
    let mut events = events(0..3);
    for event in &mut events {
        event.press.session_id = SESSION.parse().unwrap();
    }
    relay.context.store.insert(events).await.unwrap();
    assert_eq!(found(&own).await, nothing, "they wait");
    let metadata = RecordMetadata { partition: 2, offset: 1834, schema_id: 7, bytes: 87 };
    let delivered = Delivered { row: 3, record: Some(metadata) };
    relay.context.store.mark_delivered(vec![delivered], clock::now()).await.unwrap();
    let record =
        json!({"partition": 2, "schema_id": 7, "counts": [2], "offsets": [1834], "bytes": [87]});
    assert_eq!(found(&own).await, json!({"topic": "button_presses", "partitions": [record]}));
    assert_eq!(found(&own.replace("0d4a", "1d4a")).await, nothing, "another session");
    let many = format!(r#"{{"session_id": "{SESSION}", "counts": {:?}}}"#, [0; 101]);
    assert!(problem(ask(&many).await, 400).await.contains("more than 100 counts"));
    assert!(problem(ask("{}").await, 400).await.contains("session_id"));
    problem(relay.get("/api/records").await, 405).await;
}

#[tokio::test]
async fn receipt_has_city_in_language_of_request_and_events_have_it_in_english() {
    let relay = TestRelay::with_options(&[DATABASE, "--trusted-proxies=127.0.0.1"]);
    let long = &format!("{},{}", "de;q=0.9,".repeat(10), "x".repeat(60_000));
    for (language, name) in [
        (None, None),
        (Some("sv"), None),
        (Some("en-GB,en;q=0.9,de;q=0.8"), None),
        (Some("de"), Some("Säffle (de)")),
        (Some("fr;q=0.9, ja;q=0.3, pt;q=0.5"), Some("Säffle (pt-BR)")),
        (Some("é\t;;=,q=\u{fffd};de, ja"), Some("Säffle (ja)")),
        (Some(long), Some("Säffle (de)")),
    ] {
        let mut headers =
            vec![("x-forwarded-for", "203.0.114.77"), ("origin", "https://a.example")];
        headers.extend(language.map(|language| ("accept-language", language)));
        let response = relay.send("POST", "/api/events", &headers, batch(0..1)).await;
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let receipt: Receipt = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(receipt.place_name.as_deref(), name, "{language:?}");
        let recorded = relay.sink.state().rows.pop().flatten().unwrap().press.place;
        assert_eq!(recorded.city_name.as_deref(), Some("Säffle"));
        assert_eq!(receipt.location, *recorded);
    }
}

#[tokio::test]
async fn receipt_has_the_days_that_events_are_kept() {
    assert_eq!(TestRelay::new().receipt(0..1).await.kept_days, Some(90));
}

#[tokio::test]
async fn made_up_place_is_pretended_in_receipt_and_live_numbers() {
    for (options, pretended) in [
        (&["--pretend-local", DATABASE][..], true),
        (&["--pretend-local"], false),
        (&[DATABASE], false),
    ] {
        let relay = TestRelay::with_options(options);
        assert_eq!(relay.receipt(0..1).await.pretended, pretended, "{options:?}");
        let stats = text(relay.get("/api/stats").await).await;
        let stats: Stats = serde_json::from_str(&stats).unwrap();
        assert_eq!(stats.pretended, pretended, "{options:?}");
        assert_eq!(stats.geo_database, relay.receipt(1..2).await.geo_database, "{options:?}");
        let live = relay.get("/api/live").await.into_body().into_data_stream();
        let update = live.skip(1).next().await.unwrap().unwrap();
        let stats: Stats = serde_json::from_slice(update.strip_prefix(b"data: ").unwrap()).unwrap();
        assert_eq!(stats.pretended, pretended, "{options:?}");
    }
}

#[tokio::test]
async fn root_health_and_readiness_are_served() {
    let relay = TestRelay::new();
    assert!(text(relay.get("/").await).await.starts_with("The relay runs."));
    assert_eq!(text(relay.get("/healthz").await).await, "ok\n");
    assert_eq!(text(relay.manage("/healthz").await).await, "ok\n");
    let ready = relay.manage("/readyz").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let expected = json!({
        "ready": true,
        "kafka": {"state": "not_configured"},
        "store": {"writable": true, "undelivered": 0},
        "geo_database": null,
    });
    assert_eq!(serde_json::from_str::<Value>(&text(ready).await).unwrap(), expected);
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
        let response = timeout(Duration::from_millis(500), relay.manage(path)).await;
        assert_eq!(response.unwrap().status(), StatusCode::OK, "{path}");
    }
    assert!(!insert.is_finished(), "the store is locked");
    other.execute_batch("ROLLBACK").unwrap();
    insert.await.unwrap().unwrap();
}

#[tokio::test]
async fn live_numbers_are_json_and_a_stream() {
    let relay = TestRelay::new();
    let stats = relay.get("/api/stats").await;
    assert_eq!(stats.headers()[header::CONTENT_TYPE], "application/json");
    let stats: Value = serde_json::from_str(&text(stats).await).unwrap();
    assert_eq!(stats["presses"], 0);
    let live = relay.get("/api/live").await;
    assert_eq!(live.headers()[header::CONTENT_TYPE], "text/event-stream");
    relay.context.shutdown.cancel();
    let text = text(live).await;
    assert!(text.starts_with("retry: 2000\n\nevent: you\ndata: {"), "{text}");
}

#[tokio::test]
async fn unknown_paths_methods_and_queries_are_problems() {
    let relay = TestRelay::new();
    for (method, path, status) in [
        ("GET", "/api", 404),
        ("GET", "/api/none", 404),
        ("GET", "/none", 404),
        ("GET", "/readyz", 404),
        ("GET", "/metrics", 404),
        ("GET", "/apiary", 404),
        ("GET", "/api/events", 405),
        ("POST", "/api/stats", 405),
    ] {
        let response = relay.send(method, path, &[], "").await;
        let policy = &response.headers()["content-security-policy"];
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
        problem(response, status).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bad_bodies_are_problems_and_leave_nothing() {
    let relay = TestRelay::new();
    for body in ["", "{}", "[]", "what?", "{\"session_id\":7,\"events\":[]}"] {
        problem(relay.post(body).await, 400).await;
    }
    let part = || stream::iter([Ok(Bytes::from_static(b"{\"session_id\""))]);
    let cut = part().chain(stream::iter([Err(io::Error::other("disconnected"))]));
    problem(relay.post(Body::from_stream(cut)).await, 400).await;
    let endless = part().chain(stream::pending());
    problem(relay.post(Body::from_stream(endless)).await, 408).await;
    for length in [schemas::MAX_REQUEST_BYTES + 1, 3 << 20] {
        problem(relay.post("x".repeat(length)).await, 413).await;
    }
    let many = format!(r#"{{"session_id":"{SESSION}","events":[0{}]}}"#, ",0".repeat(2000));
    assert!(problem(relay.post(many).await, 413).await.contains("2000 events"));
    let gzip = [("content-encoding", "gzip")];
    problem(relay.send("POST", "/api/events", &gzip, batch(0..1)).await, 415).await;
    assert_eq!(relay.sink.state().attempts, 0);
    relay.assert_metric(r#"requests_refused_total{status="400"} 6"#).await;
}

#[tokio::test]
async fn limits_are_problems_with_a_time_to_wait() {
    let relay = TestRelay::with_options(&["--session-requests=1"]);
    let mut last = relay.post(batch(0..1)).await;
    while last.status() == StatusCode::OK {
        last = relay.post(batch(0..1)).await;
    }
    assert!(problem(last, 429).await.contains("this session"));
    let relay = TestRelay::with_options(&["--max-connections=2"]);
    let _viewer = relay.get("/api/live").await;
    problem(relay.get("/api/live").await, 503).await;
    let relay = TestRelay::with_options(&["--max-bytes-in-flight=1"]);
    problem(relay.post("x".repeat(50_000)).await, 503).await;
    relay.assert_metric(r#"requests_limited_total{limit="bytes_in_flight"} 1"#).await;
}

#[tokio::test(start_paused = true)]
async fn request_over_the_in_flight_limit_is_a_problem_and_accepted_later() {
    let relay = TestRelay::new();
    let in_flight = &relay.context.limits.in_flight;
    let _others = in_flight.try_acquire_many(MAX_REQUESTS_IN_FLIGHT as u32 - 1).unwrap();
    relay.sink.state().write_delay = Duration::from_secs(1);
    let (_, second) = tokio::join!(relay.receipt(0..1), async {
        while in_flight.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        relay.post(batch(1..2)).await
    });
    problem(second, 503).await;
    relay.receipt(1..2).await;
    assert_eq!(relay.sink.counts(), [0, 1]);
    relay.assert_metric(r#"requests_limited_total{limit="requests_in_flight"} 1"#).await;
}

#[tokio::test]
async fn failed_write_is_a_problem_until_the_store_recovers() {
    let relay = TestRelay::new();
    relay.sink.state().writes_fail = true;
    problem(relay.post(batch(0..1)).await, 503).await;
    relay.sink.state().writes_fail = false;
    relay.receipt(0..1).await;
    assert_eq!(relay.sink.counts(), [0]);
}

#[tokio::test]
async fn post_of_a_foreign_page_is_a_problem_if_there_is_a_list() {
    const LISTED: &str = "https://button.example.com";
    let list = "--allowed-origins=https://Button.example.com:443/,http://10.0.0.7:8081";
    let relay = TestRelay::with_options(&[list]);
    relay.receipt(0..1).await;
    for (origin, site, status) in [
        (LISTED, None, 200),
        ("http://10.0.0.7:8081", None, 200),
        ("https://relay.example.com:9000", None, 200),
        ("http://relay.example.com:9000", None, 200),
        ("https://relay.example.com", None, 403),
        ("http://button.example.com", None, 403),
        ("https://button.example.com.evil.example", None, 403),
        ("https://evil.example", None, 403),
        ("relay.example.com:9000", None, 403),
        ("null", None, 403),
        // Behind a proxy that rewrites the host.
        ("https://press.example.com", Some("same-origin"), 200),
        ("https://press.example.com", Some("same-site"), 403),
        ("https://press.example.com", Some("cross-site"), 403),
        (LISTED, Some("same-site"), 200),
        (LISTED, Some("cross-site"), 200),
    ] {
        let mut headers = vec![("host", "relay.example.com:9000"), ("origin", origin)];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        let response = relay.send("POST", "/api/events", &headers, batch(0..1)).await;
        match status {
            200 => assert_eq!(response.status(), StatusCode::OK, "{headers:?}"),
            _ => drop(problem(response, status).await),
        }
    }
    relay.assert_metric(r#"requests_refused_total{status="403"} 8"#).await;
}

#[tokio::test]
async fn post_of_a_foreign_page_is_a_problem_if_the_relay_serves_the_page() {
    const EVIL: (&str, &str) = ("origin", "https://evil.example");
    for (options, status) in [(&[][..], 403), (&["--allowed-origins=*"], 200)] {
        let relay = TestRelay::with_static_files(options);
        let post = relay.send("POST", "/api/events", &[EVIL], batch(0..1)).await;
        assert_eq!(post.status().as_u16(), status, "{options:?}");
        let permitted = post.headers().contains_key("access-control-allow-origin");
        assert_eq!(permitted, status == 200, "{options:?}");
        let stats = relay.send("GET", "/api/stats", &[EVIL], "").await;
        assert_eq!(stats.headers()["access-control-allow-origin"], "*");
        relay.receipt(1..2).await;
        // Over plain HTTP behind a proxy that rewrites the host.
        let own = [EVIL, (RECEIPT_HEADER, "1")];
        let post = relay.send("POST", "/api/events", &own, batch(2..3)).await;
        assert_eq!(post.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn requests_with_other_hosts_are_problems() {
    let relay = TestRelay::with_options(&["--public-url=https://button.example.com"]);
    for (host, visitors, management) in [
        ("button.example.com:8443", 200, 200),
        ("127.0.0.1:9000", 421, 200),
        ("host.docker.internal:9001", 421, 200),
        ("evil.example", 421, 421),
    ] {
        let get = async |site, path| {
            relay.send_to(site, "GET", path, &[("host", host)], Body::empty()).await
        };
        for (site, path, status) in [
            (&relay.site, "/api/stats", visitors),
            (&relay.management, "/readyz", management),
            (&relay.management, "/metrics", management),
            (&relay.site, "/healthz", 200),
            (&relay.management, "/healthz", 200),
        ] {
            let response = get(site, path).await;
            assert_eq!(response.status().as_u16(), status, "{host} {path}");
            if status == 421 {
                assert!(problem(response, 421).await.contains("--public-url"));
            }
        }
    }
    problem(relay.send("GET", "/", &[("host", "a b")], "").await, 400).await;
    problem(relay.manage("/api/stats").await, 404).await;
}

#[tokio::test(start_paused = true)]
async fn events_of_a_client_that_disconnects_are_recorded() {
    let relay = TestRelay::new();
    relay.sink.state().write_delay = Duration::from_secs(2);
    let limits = &relay.context.limits;
    let permits = || (limits.in_flight.available_permits(), limits.bytes.available_permits());
    let (requests, bytes) = permits();
    let body = format!("{}{}", batch(0..3), " ".repeat(50_000));
    let large = body.len() - 4096;
    let disconnected = timeout(Duration::from_secs(1), relay.post(body)).await;
    assert!(disconnected.is_err());
    assert_eq!((relay.sink.counts(), permits()), (vec![], (requests - 1, bytes - large)));
    sleep(Duration::from_secs(2)).await;
    assert_eq!((relay.sink.counts(), permits()), (vec![0, 1, 2], (requests, bytes)));
}

#[tokio::test]
async fn static_files_have_caching_and_policy_by_their_name() {
    const DOCUMENT: &str = "frame-ancestors 'none'";
    const FILE: &str = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";
    const IMMUTABLE: &str = "public, max-age=31536000, immutable";
    let relay = TestRelay::with_static_files(&[]);
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
            let accept = ("accept-encoding", accepted);
            let response = relay.send("GET", path, &[accept], "").await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let headers = response.headers().clone();
            assert_eq!(headers[header::CONTENT_TYPE], content_type, "{path}");
            assert_eq!(headers.get("content-encoding").map(|it| it.to_str().unwrap()), encoding);
            assert_eq!(headers[header::CACHE_CONTROL], caching, "{path}");
            assert_eq!(headers[header::CONTENT_SECURITY_POLICY], policy, "{path}");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(text(response).await, body);

            let head = relay.send("HEAD", path, &[accept], "").await;
            assert_eq!((head.status(), head.headers()), (StatusCode::OK, &headers), "{path}");
            assert_eq!(text(head).await, "");

            let copy = ("if-none-match", headers[header::ETAG].to_str().unwrap());
            let response = relay.send("GET", path, &[accept, copy], "").await;
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{path}");
            for name in ["cache-control", "content-security-policy", "etag"] {
                assert_eq!(response.headers()[name], headers[name], "{path}");
            }
        }
    }
}

#[tokio::test]
async fn static_files_that_do_not_exist_are_not_found() {
    let relay = TestRelay::with_static_files(&[]);
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
        &format!("/{}", "x".repeat(256)),
        &"/x".repeat(600),
    ] {
        for method in ["GET", "HEAD"] {
            let response = relay.send(method, path, &[], "").await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache", "{path}");
        }
    }
    let post = relay.send("POST", "/index.html", &[], "").await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    let folder = relay.get("/live").await;
    assert_eq!(folder.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(folder.headers()[header::LOCATION], "/live/");
}

#[tokio::test]
async fn edited_document_is_served_uncompressed() {
    let relay = TestRelay::with_static_files(&[]);
    let body = async |document: &str, path: &str, seconds_ago: u64| {
        let file = fs::File::options().write(true).open(relay.page().join(document)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds_ago)).unwrap();
        text(relay.send("GET", path, &[("accept-encoding", "br")], "").await).await
    };
    for (document, path) in [
        ("live/index.html", "/live/"),
        ("live/index.html", "/live/index.html"),
        ("index.html", "/"),
    ] {
        assert_eq!(body(document, path, 30).await, "brotli", "{path}");
        assert_eq!(body(document, path, 0).await, "as it is", "{path}");
    }
}
