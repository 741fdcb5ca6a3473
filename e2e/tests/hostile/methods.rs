//! Methods and paths that there are not.

use e2e::{Relay, dist};
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use schemas::{Problem, RECEIPT_HEADER};

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let page = dist();
    let with_page = ["--static-dir", page.to_str().unwrap()];
    let client = Client::new();
    for options in [&[][..], &with_page] {
        let own = tempfile::tempdir_in(folder.path()).unwrap();
        let relay = Relay::start(own.path(), options).await;
        let status = async |method: &str, path: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = client.request(method, format!("{}{path}", relay.url())).send().await;
            answer.unwrap().status().as_u16()
        };
        for (path, there) in [
            ("/healthz", true),
            ("/readyz", true),
            ("/metrics", true),
            ("/", true),
            ("/api/stats", true),
            ("/api/nothing", false),
            ("/nothing", false),
            ("/api", false),
            ("/api/", false),
            ("/api/events/", false),
            ("/API/events", false),
            ("/api//events", false),
            ("/%00", false),
            ("/index.html/x", false),
            (&"/x".repeat(3000), false),
            (&format!("/{}", "x".repeat(5000)), false),
            ("/%ff%fe", false),
            ("/..%2f..%2fetc/passwd", false),
            ("/%2e%2e/Cargo.toml", false),
            ("/\\..\\Cargo.toml", false),
        ] {
            let found = if there { 200 } else { 404 };
            for method in ["GET", "HEAD"] {
                assert_eq!(status(method, path).await, found, "{method} {path} {options:?}");
            }
            for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
                let refused = status(method, path).await;
                assert!(matches!(refused, 404 | 405), "{method} {path} {options:?}: {refused}");
            }
        }
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            assert_eq!(status(method, "/api/events").await, 405, "{method}");
        }
        // Nor does a folder's name lead anywhere else.
        for path in ["//live", "//evil.example/..", "//evil.example/%2e%2e/live", "/\\\\live"] {
            let stay = Client::builder().redirect(Policy::none()).build().unwrap();
            let answer = stay.get(format!("{}{path}", relay.url())).send().await.unwrap();
            assert!(!answer.status().is_server_error(), "{path}: {}", answer.status());
            if let Some(location) = answer.headers().get("location") {
                let location = location.to_str().unwrap();
                let inside = location.starts_with('/') && !location[1..].starts_with(['/', '\\']);
                assert!(inside, "{path} leads to {location}");
            }
        }
        // Permission to post is for whoever asks, though no page of ours has to.
        assert_eq!(status("OPTIONS", "/api/events").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_for_a_path_is_told_which_are() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let url = format!("{}/api/events", relay.url());
    let answer = Client::new().put(url).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers()["allow"], "POST");
    assert!(answer.headers().contains_key(RECEIPT_HEADER));
    assert_eq!(answer.json::<Problem>().await.unwrap().status, 405);
}
