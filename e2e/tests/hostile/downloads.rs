//! Clients that request files of the page and read them slowly, or not at all: new visitors get the page.

use crate::raw;
use e2e::{PATIENCE, Relay};
use reqwest::{Client, StatusCode};
use std::fs;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};

/// Open files of the relay, of which it needs 128 besides its connections.
const OPEN_FILES: u64 = 400;

/// More than a quarter of the open files, fewer than the connections.
const DOWNLOADS: usize = 120;

/// More than the system buffers for a client with a small receive buffer (4 kB).
const FILE_BYTES: usize = 4 << 20;

/// Content of the file once, and the buffers of the downloads.
const MAX_MEMORY: u64 = 24 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_downloads_leave_the_page_to_new_visitors() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir(&page).unwrap();
    fs::write(page.join("index.html"), "the page").unwrap();
    fs::write(page.join("page-1f2e3d4c5b6a7980.wasm"), vec![b'w'; FILE_BYTES]).unwrap();
    // A page that has just been built is not shared yet.
    wait_until_settled(&page.join("page-1f2e3d4c5b6a7980.wasm")).await;
    let options = ["--static-dir", page.to_str().unwrap()];
    let relay = Relay::start_with_open_files(folder.path(), OPEN_FILES, &options).await;
    let before = relay.resident_bytes();

    let mut downloads = Vec::new();
    for number in 0..DOWNLOADS {
        // Whole files and parts of them.
        let range = if number % 2 == 0 { "" } else { "range: bytes=1-\r\n" };
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut download = socket.connect(relay.address().parse().unwrap()).await.unwrap();
        let get = "GET /page-1f2e3d4c5b6a7980.wasm HTTP/1.1\r\nhost: relay\r\n";
        download.write_all(format!("{get}{range}\r\n").as_bytes()).await.unwrap();
        // It has begun.
        let mut start = [0; 12];
        timeout(PATIENCE, download.read_exact(&mut start)).await.unwrap().unwrap();
        let status = if range.is_empty() { "HTTP/1.1 200" } else { "HTTP/1.1 206" };
        assert_eq!(String::from_utf8_lossy(&start), status, "download {number}");
        downloads.push(download);
    }

    for _ in 0..20 {
        // Each on a connection of its own.
        let response = Client::new().get(relay.url()).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.text().await.unwrap(), "the page");
    }
    let descriptors = fs::read_dir(format!("/proc/{}/fd", relay.pid())).unwrap();
    let open = descriptors.filter(|descriptor| {
        let target = descriptor.as_ref().ok().and_then(|it| fs::read_link(it.path()).ok());
        target.is_some_and(|target| target.starts_with(&page))
    });
    assert_eq!(open.count(), 0, "files of the page are open");
    let memory = relay.resident_bytes().saturating_sub(before);
    assert!(memory < MAX_MEMORY, "{} MB more", memory >> 20);

    // And a download that goes on gets more of it.
    let mut rest = Vec::new();
    while rest.len() < 100_000 {
        let read = timeout(PATIENCE, downloads[0].read_buf(&mut rest)).await.unwrap();
        assert!(read.unwrap() > 0);
    }
    assert!(rest.ends_with(&[b'w'; 1000]));
    drop(downloads);
    assert_eq!(raw::exchange(&relay, raw::get("/").as_bytes()).await.statuses(), [200]);
}

/// Waits until the relay caches the file: its last change must be more than 2 s ago.
async fn wait_until_settled(file: &std::path::Path) {
    let changed = fs::metadata(file).unwrap().modified().unwrap();
    e2e::until("the file to be older than 2 s", async || {
        let age = changed.elapsed().unwrap_or_default();
        (age > std::time::Duration::from_millis(3100)).then_some(()).ok_or(format!("{age:?}"))
    })
    .await;
}
