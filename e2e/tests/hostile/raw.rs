//! HTTP byte by byte, for requests that no library would send.

use e2e::{PATIENCE, Relay};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A connection to the relay.
pub async fn connect(relay: &Relay) -> TcpStream {
    TcpStream::connect(relay.address()).await.unwrap()
}

/// Sends these bytes, and gives everything that comes until the relay closes the connection.
pub async fn exchange(relay: &Relay, bytes: &[u8]) -> Answers {
    let (mut reader, mut writer) = connect(relay).await.into_split();
    // It may be refused before its end.
    let writing = async { writer.write_all(bytes).await };
    let mut answer = Vec::new();
    let reading = reader.read_to_end(&mut answer);
    let (_, read) = timeout(PATIENCE, async { tokio::join!(writing, reading) })
        .await
        .expect("the relay ends the connection");
    // A connection that is reset has still given its answer.
    let _ = read;
    Answers(String::from_utf8_lossy(&answer).into_owned())
}

/// What came back on one connection.
#[derive(Debug)]
pub struct Answers(pub String);

impl Answers {
    /// The status of each answer.
    pub fn statuses(&self) -> Vec<u16> {
        let lines = self.0.split("HTTP/1.1 ").skip(1);
        lines.map(|rest| rest[..3].parse().unwrap()).collect()
    }
}

/// A request without a body that is the last one on its connection.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")
}

/// A request to `/api/events` with these headers in addition, and whatever body.
pub fn post(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /api/events HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n{headers}\r\n{body}")
        .into_bytes()
}
