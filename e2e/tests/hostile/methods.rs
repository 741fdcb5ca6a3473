//! Methods and paths that there are not.

use e2e::{Relay, dist};
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use schemas::{Problem, RECEIPT_HEADER};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::symlink,
};

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
            ("/readyz", false),
            ("/metrics", false),
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

/// A folder may hold more than the page: a checkout has its configuration, and links lead anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_files_and_links_out_of_the_folder_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir_all(page.join(".git")).unwrap();
    fs::create_dir_all(page.join("sub/.cache")).unwrap();
    fs::create_dir_all(page.join(".well-known")).unwrap();
    fs::create_dir(folder.path().join("outside")).unwrap();
    for file in [
        "page/index.html",
        "page/inside.txt",
        "page/.env",
        "page/.git/config",
        "page/sub/.cache/x",
        "page/.well-known/security.txt",
        "outside/secret.txt",
    ] {
        fs::write(folder.path().join(file), "content").unwrap();
    }
    for (target, link) in [
        ("../outside/secret.txt", "link.txt"),
        ("../outside", "links"),
        ("inside.txt", "within.txt"),
    ] {
        symlink(target, page.join(link)).unwrap();
    }
    let relay = Relay::start(folder.path(), &["--static-dir", page.to_str().unwrap()]).await;
    for (path, there) in [
        ("/", true),
        ("/inside.txt", true),
        ("/within.txt", true),
        ("/.well-known/security.txt", true),
        ("/.env", false),
        ("/%2eenv", false),
        ("/%2Eenv", false),
        ("/.git/config", false),
        ("/%2egit%2fconfig", false),
        ("/sub/.cache/x", false),
        ("/link.txt", false),
        ("/lin%6b.txt", false),
        ("/links/secret.txt", false),
        ("/links/", false),
    ] {
        // Not by reqwest, whose URLs are normalized.
        let response = raw_get(&relay, path);
        let status = if there { "HTTP/1.1 200" } else { "HTTP/1.1 404" };
        assert!(response.starts_with(status), "{path}: {response}");
        assert_eq!(response.ends_with("content"), there, "{path}: {response}");
    }
}

fn raw_get(relay: &Relay, path: &str) -> String {
    let mut connection = TcpStream::connect(relay.address()).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_with_the_sources_of_the_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sources = e2e::repository();
    let said = Relay::refusal(folder.path(), &["--static-dir", sources.to_str().unwrap()]);
    assert!(said.contains("cargo xtask page") && said.contains("sources"), "{said}");
}
