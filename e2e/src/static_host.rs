//! The built page on a static host of its own, with the relay elsewhere: the page's other way of
//! being deployed, and the one where the relay can be gone while the page is not.

use crate::{browser::ELSEWHERE, dist};
use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_http::services::ServeDir;

/// How the page is served.
pub struct Hosting<'a> {
    /// The relay's origin.
    pub relay: &'a str,
    /// The address to listen at.
    pub host: &'a str,
    /// The folder that the page is in, with a slash at both ends.
    pub path: &'a str,
    /// A script that runs before the page's own, and makes its surroundings other than they are.
    pub script: &'a str,
}

impl<'a> Hosting<'a> {
    /// As simple as it can be.
    pub fn of(relay: &'a str) -> Self {
        Self { relay, host: "127.0.0.1", path: "/", script: "" }
    }
}

/// A static web server. Dropping it ends it.
pub struct StaticHost {
    url: String,
    webassembly: watch::Sender<bool>,
    document_instead: Arc<AtomicBool>,
    server: JoinHandle<()>,
}

impl StaticHost {
    /// Serves the page, told that its relay is at `relay`, an origin.
    pub async fn start(relay: &str) -> Self {
        Self::start_with(Hosting::of(relay)).await
    }

    /// Serves the page in another way.
    pub async fn start_with(hosting: Hosting<'_>) -> Self {
        let dist = dist();
        let page = fs::read_to_string(dist.join("index.html")).unwrap();
        let page = with_script(&with_relay(&page, hosting.relay), hosting.script);
        let (webassembly, passes) = watch::channel(true);
        let document_instead = Arc::new(AtomicBool::new(false));
        let sends_document = Arc::clone(&document_instead);
        let folder = hosting.path.to_owned();
        let files = Router::new().fallback(async move |mut request: Request| -> Response {
            let path = request.uri().path();
            if path == ELSEWHERE {
                return "Another page.".into_response();
            }
            let Some(file) = path.strip_prefix(&folder) else {
                return StatusCode::NOT_FOUND.into_response();
            };
            if file.is_empty() {
                return Html(page.clone()).into_response();
            }
            if file.ends_with(".wasm") {
                // An error when the host is gone; then so is this.
                let _ = passes.clone().wait_for(|passes| *passes).await;
                if sends_document.load(Relaxed) {
                    return Html(page.clone()).into_response();
                }
            }
            *request.uri_mut() = format!("/{file}").parse().unwrap();
            ServeDir::new(&dist).try_call(request).await.unwrap().into_response()
        });
        let listener = TcpListener::bind((hosting.host, 0)).await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), hosting.path);
        let server = tokio::spawn(async move { axum::serve(listener, files).await.unwrap() });
        Self { url, webassembly, document_instead, server }
    }

    /// The page's address.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Whether the WebAssembly is sent, as it is at first, or is still on its way.
    pub fn send_webassembly(&self, sends: bool) {
        self.webassembly.send_replace(sends);
    }

    /// Whether the document is sent, with 200, in the place of the WebAssembly, as some hosts do while they
    /// do not have a file.
    pub fn send_document_for_webassembly(&self, sends: bool) {
        self.document_instead.store(sends, Relaxed);
    }
}

impl Drop for StaticHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The page with its relay in `<meta name="relay" content="…">` and in the policy, which is how a host
/// configures it after the build.
fn with_relay(page: &str, relay: &str) -> String {
    let place = r#"<meta name="relay" content="">"#;
    assert!(page.contains(place), "index.html has no {place}");
    assert!(page.contains("connect-src 'self';"), "index.html has no policy with a connect-src");
    page.replace(place, &format!(r#"<meta name="relay" content="{relay}">"#))
        .replace("connect-src 'self';", &format!("connect-src 'self' {relay};"))
}

/// The page with a script that runs first, before the policy binds it.
///
/// # Panics
/// When the page has no head.
pub fn with_script(page: &str, script: &str) -> String {
    let (before, after) = page.split_once("<head>").expect("index.html has a head");
    format!("{before}<head><script>{script}</script>{after}")
}
