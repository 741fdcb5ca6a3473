//! Bodies whose length is wrong, twice or a riddle, and requests that do not wait for answers
//! (RFC 9112, sections 6, 7 and 9.3.2).

use crate::raw;
use e2e::{Relay, press};
use schemas::Uuid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn body() -> String {
    serde_json::to_string(&press(Uuid::new_v4(), 1, 0)).unwrap()
}

/// The body in chunks of so many bytes.
fn chunked(body: &str, size: usize) -> String {
    let chunks = body
        .as_bytes()
        .chunks(size)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), String::from_utf8_lossy(chunk)));
    chunks.collect::<String>() + "0\r\n\r\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_are_right_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let (body, mut taken) = (body(), 0);
    let length = body.len();
    for (headers, sent, expected) in [
        (format!("content-length: {length}\r\n"), body.clone(), 200),
        // Twice the same is once.
        (format!("content-length: {length}\r\ncontent-length: {length}\r\n"), body.clone(), 200),
        (format!("content-length: {length}\r\ncontent-length: 3\r\n"), body.clone(), 400),
        (format!("content-length: {}\r\n", length - 1), body.clone(), 400),
        ("content-length: 0\r\n".to_owned(), body.clone(), 400),
        (String::new(), String::new(), 400),
        ("content-length: -1\r\n".to_owned(), body.clone(), 400),
        ("content-length: +1\r\n".to_owned(), body.clone(), 400),
        ("content-length: 0x10\r\n".to_owned(), body.clone(), 400),
        ("content-length: many\r\n".to_owned(), body.clone(), 400),
        ("content-length: 99999999999999999999999\r\n".to_owned(), body.clone(), 400),
        ("transfer-encoding: chunked\r\n".to_owned(), chunked(&body, 7), 200),
        ("transfer-encoding: chunked\r\n".to_owned(), chunked(&body, 1), 200),
        // Chunks count, and the connection ends with it, so that nothing can be smuggled in behind.
        ("content-length: 3\r\ntransfer-encoding: chunked\r\n".to_owned(), chunked(&body, 50), 200),
        ("transfer-encoding: chunked\r\ncontent-length: 3\r\n".to_owned(), chunked(&body, 50), 200),
        ("transfer-encoding: gzip\r\n".to_owned(), body.clone(), 400),
        ("transfer-encoding: chunked, gzip\r\n".to_owned(), chunked(&body, 50), 400),
        ("transfer-encoding: chunked\r\n".to_owned(), "zz\r\nwhat\r\n0\r\n\r\n".to_owned(), 400),
        ("transfer-encoding: chunked\r\n".to_owned(), "-1\r\n{}\r\n0\r\n\r\n".to_owned(), 400),
        ("transfer-encoding: chunked\r\n".to_owned(), "fffffffffffffffff\r\n{}".to_owned(), 400),
        ("transfer-encoding: chunked\r\n".to_owned(), "2\r\n{}0\r\n\r\n".to_owned(), 400),
        (
            "transfer-encoding: chunked\r\n".to_owned(),
            format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000)),
            400,
        ),
        ("content-encoding: gzip\r\ncontent-length: 2\r\n".to_owned(), "{}".to_owned(), 415),
        (
            "content-encoding: gzip\r\ncontent-length: 900000\r\n".to_owned(),
            "x".repeat(900_000),
            415,
        ),
        ("content-encoding: br, zstd\r\ncontent-length: 2\r\n".to_owned(), "{}".to_owned(), 415),
        (format!("content-encoding: identity\r\ncontent-length: {length}\r\n"), body.clone(), 200),
    ] {
        let answers = raw::exchange(&relay, &raw::post(&headers, &sent)).await;
        assert_eq!(answers.statuses(), [expected], "{headers:?}: {answers:?}");
        taken += usize::from(expected == 200);
    }
    assert!(taken > 0);
    // All of them are the same event.
    assert_eq!(relay.stored().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let whole = body();
    for kept in [0, 1, whole.len() - 1] {
        let mut connection = raw::connect(&relay).await;
        let head = format!("content-length: {}\r\n", whole.len());
        connection.write_all(&raw::post(&head, &whole[..kept])).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = String::new();
        // There may be one.
        let _ = connection.read_to_string(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    assert_eq!(relay.stored().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_wait_are_answered_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let one = "GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\nGET /api/nothing HTTP/1.1\r\nhost: relay\r\n\r\n";
    let post = body();
    let post = format!(
        "POST /api/events HTTP/1.1\r\nhost: relay\r\ncontent-length: {}\r\n\r\n{post}",
        post.len()
    );
    let requests = format!("{}{post}{}", one.repeat(50), raw::get("/healthz"));
    let answers = raw::exchange(&relay, requests.as_bytes()).await;
    let expected = [[200, 404].repeat(50), vec![200, 200]].concat();
    assert_eq!(answers.statuses(), expected);
    // What comes behind a request that cannot be read is not looked at.
    let behind =
        format!("POST /api/events HTTP/1.1\r\ncontent-length: x\r\n\r\n{}", raw::get("/healthz"));
    assert_eq!(raw::exchange(&relay, behind.as_bytes()).await.statuses(), [400]);
}
