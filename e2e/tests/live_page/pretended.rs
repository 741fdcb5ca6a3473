//! A server that speaks as the relay does and says what the test wants: some of what a relay says lasts
//! too short a time to be looked at.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use e2e::{SHORT_TIMEOUTS, dist, with_script};
use futures_util::stream;
use serde_json::{Value, json};
use std::{convert::Infallible, fs, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_http::services::ServeDir;

/// The time of all numbers.
pub const AT: &str = "2026-01-02T03:04:05.000000+00:00";

/// The server, with the page's files. Dropping it ends it.
pub struct Pretended {
    pub url: String,
    numbers: watch::Sender<Value>,
    heard: watch::Receiver<String>,
    server: JoinHandle<()>,
}

impl Pretended {
    /// A relay whose stream goes through.
    pub async fn start() -> Self {
        Self::start_with(false, "").await
    }

    /// A relay whose page has this script, which runs before its own.
    pub async fn start_with_script(script: &str) -> Self {
        Self::start_with(false, script).await
    }

    /// A relay behind a proxy that gathers what it passes on: its stream says nothing. The page's long
    /// timeouts are short.
    pub async fn start_held_back() -> Self {
        Self::start_with(true, SHORT_TIMEOUTS).await
    }

    async fn start_with(holds_back: bool, script: &str) -> Self {
        let (numbers, told) = watch::channel(json!({}));
        let asked = told.clone();
        let live = async move || {
            let events = Body::from_stream(events(told.clone(), holds_back));
            ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
        };
        let stats = async move || axum::Json(asked.borrow().clone());
        let (word, heard) = watch::channel(String::new());
        let hear = async move |Path(said): Path<String>| drop(word.send_replace(said));
        let page = fs::read_to_string(dist().join("live/index.html")).unwrap();
        let page = with_script(&page, script);
        let app = Router::new()
            .route("/live/", get(async move || Html(page.clone())))
            .route("/hear/{word}", get(hear))
            .route("/api/live", get(live))
            .route("/api/stats", get(stats))
            .fallback_service(ServeDir::new(dist()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let pretended = Self { url, numbers, heard, server };
        pretended.tell(0, Value::Null);
        pretended
    }

    /// The word that a page has put into `/hear/word` last: it can say something also while the test looks
    /// at another one.
    pub fn heard(&self) -> String {
        self.heard.borrow().clone()
    }

    /// Tells so many presses, and how far the reading of old events has come.
    pub fn tell(&self, presses: u64, catching_up: Value) {
        self.tell_all(json!({ "presses": presses, "catching_up": catching_up }));
    }

    /// Tells these numbers.
    pub fn tell_all(&self, mut numbers: Value) {
        numbers["at"] = AT.into();
        self.numbers.send_replace(numbers);
    }
}

impl Drop for Pretended {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The numbers whenever they change, and once a second.
fn events(
    numbers: watch::Receiver<Value>,
    holds_back: bool,
) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((numbers, true), move |(mut numbers, is_first)| async move {
        if holds_back {
            std::future::pending::<()>().await;
        }
        if !is_first {
            let _ = tokio::time::timeout(Duration::from_secs(1), numbers.changed()).await;
        }
        let event = format!("data: {}\n\n", *numbers.borrow_and_update());
        Some((Ok(Bytes::from(event)), (numbers, false)))
    })
}
