//! A captive portal: somebody else who answers in the relay's place.

use axum::{
    Router,
    body::Body,
    http::{Response, header},
};
use std::sync::{Arc, Mutex};
use tokio::{net::TcpListener, task::JoinHandle};

/// Takes the relay's address while the relay is not there. Dropping it frees the address.
pub struct Portal {
    received: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

/// What portals answer to a request that was meant for somebody else: a page of theirs, the way to
/// it, nothing, and JSON that is none of ours.
fn answer(number: usize) -> Response<Body> {
    let (status, kind, body) = match number % 4 {
        0 => (200, "text/html", "<!doctype html><h1>Welcome to the free Wi-Fi!</h1>"),
        1 => (302, "text/html", ""),
        2 => (204, "text/plain", ""),
        _ => (200, "application/json", r#"{"accepted":[0,1,2,3,4,5],"rejected":[]}"#),
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        // So that a page of another origin can read it at all, which makes it harder to tell.
        .header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")
        .header(header::ACCESS_CONTROL_EXPOSE_HEADERS, "*")
        // No connection to the portal is used again when it has gone.
        .header(header::CONNECTION, "close");
    if status == 302 {
        response = response.header(header::LOCATION, "/login");
    }
    response.body(Body::from(body)).unwrap()
}

impl Portal {
    /// Answers everything at this address, host and port.
    pub async fn start(address: &str) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let bodies = Arc::clone(&received);
        let router = Router::new().fallback(async move |body: String| {
            let mut bodies = bodies.lock().unwrap();
            bodies.push(body);
            answer(bodies.len() - 1)
        });
        let listener = TcpListener::bind(address).await.unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { received, server }
    }

    /// The bodies of all requests that it has answered.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    /// Frees the address.
    pub async fn end(mut self) {
        self.server.abort();
        // Cancelled, as it was told to be; the listener is closed now.
        let _ = (&mut self.server).await;
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.server.abort();
    }
}
