//! A phone, as the relay meets it: one connection that stays open, and one request at a time.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use schemas::{Action, Event, EventBatch, Timestamp, Uuid};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;

/// A session with its connection.
pub struct Phone {
    relay: String,
    connection: http1::SendRequest<Full<Bytes>>,
    session_id: Uuid,
    /// Presses so far.
    count: u64,
    /// An address that is not this machine's, so that there is a place to look up.
    address: String,
}

impl Phone {
    /// Connects it to the relay at this host and port.
    pub async fn connect(relay: &str) -> Self {
        let stream = TcpStream::connect(relay).await.unwrap();
        // As browsers do.
        stream.set_nodelay(true).unwrap();
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // It ends with the connection; what fails then, the next request tells.
        tokio::spawn(driver);
        let [a, b, c] = [fastrand::u8(11..99), fastrand::u8(..), fastrand::u8(..)];
        let address = format!("{a}.{b}.{c}.77");
        Self { relay: relay.to_owned(), connection, session_id: Uuid::new_v4(), count: 0, address }
    }

    /// Posts so many presses, and waits until they are durable.
    pub async fn press(&mut self, presses: u64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let timestamp = Timestamp::from_micros(now.try_into().unwrap()).unwrap();
        let counts = self.count + 1..=self.count + presses;
        let event = |count| Event { timestamp, action: Action::PressButton, count };
        let events = counts.map(event).collect();
        let batch = EventBatch { session_id: self.session_id, cohort: None, events };
        self.count += presses;
        let request = Request::post("/api/events")
            .header(header::HOST, &self.relay)
            .header(header::CONTENT_TYPE, "text/plain;charset=utf-8")
            .header("x-forwarded-for", &self.address)
            .body(Full::from(serde_json::to_vec(&batch).unwrap()))
            .unwrap();
        // The one before may not have been put away yet.
        self.connection.ready().await.unwrap();
        let answer = self.connection.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.unwrap();
    }
}
