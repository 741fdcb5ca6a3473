#![allow(clippy::unwrap_used)]
use super::*;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    time::Duration,
};
use tempfile::TempDir;

/// A folder with files of 60 bytes each, and what serves it from 100 bytes of memory and one open file.
fn small() -> (TempDir, StaticFiles) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        fs::write(folder.path().join(name), name[..1].repeat(60)).unwrap();
    }
    fs::write(folder.path().join("large.txt"), "large".repeat(16)).unwrap();
    let settings = Settings {
        max_file_bytes: 70,
        max_bytes: 100,
        max_open_files: 1,
        settled_age: Duration::ZERO,
    };
    let files = StaticFiles::with_settings(folder.path(), settings);
    (folder, files)
}

async fn get_with(files: &StaticFiles, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = headers
        .iter()
        .fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
    let on_error = |error| match error {
        Error::NotFound => StatusCode::NOT_FOUND.into_response(),
        Error::Busy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Error::Unreadable(error) => panic!("{path}: {error}"),
    };
    files.respond(request.body(Body::empty()).unwrap(), on_error).await
}

async fn get(files: &StaticFiles, path: &str) -> Response {
    get_with(files, path, &[]).await
}

/// The whole body, which is one piece if it is shared.
async fn content(response: Response) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn text(files: &StaticFiles, path: &str) -> String {
    String::from_utf8(content(get(files, path).await).await.to_vec()).unwrap()
}

async fn status(files: &StaticFiles, path: &str) -> u16 {
    get(files, path).await.status().as_u16()
}

#[tokio::test]
async fn responses_share_content_of_file() {
    let (folder, files) = small();
    let first = content(get(&files, "/a.txt").await).await;
    assert_eq!(first, "a".repeat(60));
    for _ in 0..100 {
        assert_eq!(content(get(&files, "/a.txt").await).await.as_ptr(), first.as_ptr());
    }
    // By a link in the folder as well.
    symlink(".", folder.path().join("here")).unwrap();
    let linked = content(get(&files, "/here/here/a.txt").await).await;
    assert_eq!(linked.as_ptr(), first.as_ptr());
}

#[tokio::test]
async fn changed_file_is_served_as_changed() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir(&page).unwrap();
    // As in the relay: files that have just been written, in steps of time that may be coarse.
    let files = StaticFiles::new(&page);
    for number in 0..50 {
        let expected = format!("build {number:03}");
        if number % 2 == 0 {
            fs::write(page.join("index.html"), &expected).unwrap();
        } else {
            fs::write(page.join("new"), &expected).unwrap();
            fs::rename(page.join("new"), page.join("index.html")).unwrap();
        }
        assert_eq!(text(&files, "/").await, expected);
    }
    // Another folder at the same path, and a file that is removed and comes back.
    fs::rename(&page, folder.path().join("old")).unwrap();
    assert_eq!(status(&files, "/").await, 404);
    fs::create_dir(folder.path().join("release")).unwrap();
    fs::write(folder.path().join("release/index.html"), "release").unwrap();
    symlink("release", &page).unwrap();
    assert_eq!(text(&files, "/").await, "release");
}

#[tokio::test]
async fn changed_file_replaces_its_cached_content() {
    let (folder, files) = small();
    let old = get(&files, "/a.txt").await;
    fs::write(folder.path().join("a.txt"), "new").unwrap();
    assert_eq!(text(&files, "/a.txt").await, "new");
    assert_eq!(content(old).await, "a".repeat(60), "a response keeps its version");
    // 60 bytes are free again.
    let (first, second) = (get(&files, "/b.txt").await, get(&files, "/b.txt").await);
    assert_eq!(content(first).await.as_ptr(), content(second).await.as_ptr());
}

#[tokio::test]
async fn memory_of_all_responses_is_limited() {
    let (_folder, files) = small();
    let a = get(&files, "/a.txt").await;
    // Not in memory, while a response holds 60 of its 100 bytes.
    let b = get(&files, "/b.txt").await;
    assert_eq!(status(&files, "/c.txt").await, 503, "one file is open already");
    assert_eq!(get_with(&files, "/c.txt", &[("range", "bytes=0-9")]).await.status(), 503);
    assert_eq!(content(b).await, "b".repeat(60));
    assert_eq!(text(&files, "/c.txt").await, "c".repeat(60));
    drop(a);
    let (first, second) = (get(&files, "/d.txt").await, get(&files, "/d.txt").await);
    assert_eq!(content(first).await.as_ptr(), content(second).await.as_ptr());
}

#[tokio::test]
async fn large_file_is_read_from_disk() {
    let (_folder, files) = small();
    let first = get(&files, "/large.txt").await;
    assert_eq!(status(&files, "/large.txt").await, 503);
    assert_eq!(status(&files, "/a.txt").await, 200, "files in memory are not affected");
    assert_eq!(content(first).await, "large".repeat(16));
    let part = get_with(&files, "/large.txt", &[("range", "bytes=5-9")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(content(part).await, "large");
}

#[tokio::test]
async fn range_of_file_in_memory_is_served() {
    let (_folder, files) = small();
    let part = get_with(&files, "/a.txt", &[("range", "bytes=50-")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 50-59/60");
    assert_eq!(content(part).await, "a".repeat(10));
    let none = get_with(&files, "/a.txt", &[("range", "bytes=60-")]).await;
    assert_eq!(none.status(), StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn compressed_variant_outside_of_the_folder_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir(&page).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    fs::write(page.join("a.txt"), "a").unwrap();
    symlink("../secret", page.join("a.txt.gz")).unwrap();
    symlink("../secret", page.join("b.txt")).unwrap();
    symlink("loop", page.join("loop")).unwrap();
    let _pipe = UnixListener::bind(page.join("socket")).unwrap();
    let files = StaticFiles::new(&page);
    let response = get_with(&files, "/a.txt", &[("accept-encoding", "gzip")]).await;
    assert_eq!(content(response).await, "a");
    for path in ["/b.txt", "/loop", "/socket", "/a.txt/b", "/none"] {
        assert_eq!(status(&files, path).await, 404, "{path}");
    }
}

#[test]
fn has_hash_only_with_a_hash_in_the_last_segment() {
    assert!(has_hash("/frontend-1f2e3d4c5b6a7980.js"));
    assert!(has_hash("/sub/frontend-1f2e3d4c5b6a7980_bg.wasm"));
    assert!(has_hash("/texts/ja-1f2e3d4c5b6a7980.txt"));
    // A service worker that is immutable could keep a page for ever.
    for path in ["/", "/index.html", "/sw.js", "/icon-192.png", "/1f2e3d4c5b6a7980/index.html"] {
        assert!(!has_hash(path), "{path}");
    }
}
