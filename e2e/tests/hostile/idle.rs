//! Visitors who have the page open and do nothing: 500 in every run, ten thousand in
//! `cargo xtask test --long`.

use crate::{allow_open_files, metric, raw};
use e2e::{Relay, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// Open files of the tests that run meanwhile, and what the relay needs besides.
const OTHERS: u64 = 2500;

/// For each of them.
const MOST_MEMORY: u64 = 40 * 1024;

/// Asks something small, and keeps the connection.
async fn ask(connection: &mut TcpStream) {
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
    let mut answer = [0; 512];
    let length = connection.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{length} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_connections_stay_and_cost_little() {
    stay_and_cost_little(500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten thousand connections: `cargo xtask test --long` runs it"]
async fn ten_thousand_connections_stay_and_cost_little() {
    stay_and_cost_little(10_000).await;
}

/// Opens so many connections, or as many as the system allows, and leaves them idle.
async fn stay_and_cost_little(visitors: u64) {
    let files = allow_open_files(visitors + OTHERS);
    let visitors = visitors.min(files.saturating_sub(OTHERS));
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let before = relay.resident_bytes();
    let mut arriving = JoinSet::new();
    for part in 0..10 {
        let address = relay.address().to_owned();
        let part = visitors / 10 + u64::from(part < visitors % 10);
        arriving.spawn(async move {
            let mut connections = Vec::new();
            for _ in 0..part {
                let mut connection = TcpStream::connect(&address).await.unwrap();
                ask(&mut connection).await;
                connections.push(connection);
            }
            connections
        });
    }
    let mut connections: Vec<_> = arriving.join_all().await.into_iter().flatten().collect();
    assert!(metric(&relay, "kafka_button_connections").await >= visitors);
    let more = relay.resident_bytes().saturating_sub(before);
    println!("{visitors} idle connections take {} kB each", more / visitors / 1024);
    assert!(more < visitors * MOST_MEMORY, "{} MB", more >> 20);
    // Somebody else comes, and those who are there press again.
    let fresh = raw::exchange(&relay, raw::get("/healthz").as_bytes()).await;
    assert_eq!(fresh.statuses(), [200]);
    for connection in connections.iter_mut().step_by(50) {
        ask(connection).await;
    }
    drop(connections);
    until("all of them to be gone", async || {
        match metric(&relay, "kafka_button_connections").await {
            // The one that asks.
            0..10 => Ok(()),
            there => Err(there.to_string()),
        }
    })
    .await;
}
