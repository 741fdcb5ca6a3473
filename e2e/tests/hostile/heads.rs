//! Heads of requests that are slow, long, or no heads at all.

use crate::{metric, raw};
use e2e::{PATIENCE, Relay};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

#[tokio::test(flavor = "multi_thread")]
async fn head_that_comes_byte_by_byte_times_out() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--max-connections", "8"]).await;
    let (mut reader, mut writer) = raw::connect(&relay).await.into_split();
    let start = Instant::now();
    // Fewer than a quarter of the connections are available, so the relay waits for no more than 15 s. Each
    // connection that it closes makes one more available: the first has to be this one.
    sleep(Duration::from_millis(500)).await;
    let mut idle = Vec::new();
    for _ in 0..6 {
        idle.push(raw::connect(&relay).await);
    }
    let trickle = tokio::spawn(async move {
        for byte in b"GET /healthz HTTP/1.1\r\nhost: relay".iter().cycle() {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(300)).await;
        }
    });
    let mut response = Vec::new();
    // Closed or reset.
    let _ = timeout(PATIENCE, reader.read_to_end(&mut response)).await.expect("it is closed");
    trickle.abort();
    assert_eq!(response, b"");
    let took = start.elapsed();
    assert!(took > Duration::from_secs(14) && took < Duration::from_secs(25), "{took:?}");
    let timed_out = r#"kafka_button_connections_given_up_total{limit="idle"}"#;
    assert!(metric(&relay, timed_out).await >= 1);
}

/// RFC 9112, section 3.2.
#[tokio::test(flavor = "multi_thread")]
async fn request_without_exactly_one_valid_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    for (version, hosts, expected) in [
        ("1.1", "host: relay\r\n", 200),
        ("1.1", "host:\r\n", 200),
        ("1.0", "", 200),
        ("1.1", "", 400),
        ("1.1", "host: relay\r\nhost: relay\r\n", 400),
        ("1.0", "host: relay\r\nhost: other\r\n", 400),
        ("1.1", "host: relay, other\r\n", 400),
        ("1.1", "host: user@relay\r\n", 400),
        ("1.1", "host: relay/other\r\n", 400),
    ] {
        for path in ["/healthz", "/api/stats", "/"] {
            let request = format!("GET {path} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
            let answers = raw::exchange(&relay, request.as_bytes()).await.0;
            let status = answers.split(' ').nth(1).unwrap();
            assert_eq!(status, expected.to_string(), "{request}{answers}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_heads_are_refused_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let head = |line: String| {
        format!("GET /healthz HTTP/1.1\r\nhost: relay\r\n{line}connection: close\r\n\r\n")
    };
    let path = |length| {
        format!("GET /{} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n", "x".repeat(length))
    };
    for (request, expected) in [
        (head(String::new()), 200),
        (head(format!("x: {}\r\n", "x".repeat(8000))), 200),
        (head(format!("x: {}\r\n", "x".repeat(20_000))), 431),
        (head(format!("x: {}\r\n", "x".repeat(1_000_000))), 431),
        (head("x: y\r\n".repeat(90)), 200),
        (head("x: y\r\n".repeat(200)), 431),
        (path(5000), 404),
        (path(20_000), 431),
    ] {
        let length = request.len();
        let answers = raw::exchange(&relay, request.as_bytes()).await;
        assert_eq!(answers.statuses(), [expected], "{length} bytes: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    for request in [
        "hello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nspace : x\r\n\r\n",
        "GET / HTTP/1.1\r\nfolded: x\r\n y\r\n\r\n",
        "GET / HTTP/1.1\r\nnull: \0\r\n\r\n",
        "G\u{e9}T / HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n",
        // HTTP/2 without asking for it: it is not spoken here.
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0",
    ] {
        let answers = raw::exchange(&relay, request.as_bytes()).await;
        assert!(matches!(answers.statuses()[..], [] | [400]), "{request:?}: {answers:?}");
    }
    // Nor after asking for it: the request is answered as if it had not been asked.
    let upgrade = "GET /healthz HTTP/1.1\r\nhost: relay\r\nconnection: upgrade, http2-settings, close\r\n\
                   upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_eq!(raw::exchange(&relay, upgrade.as_bytes()).await.statuses(), [200]);
}
