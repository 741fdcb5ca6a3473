//! The built page on a static host of its own, with the relay elsewhere: the page's other way of
//! being deployed, and the one where the relay can be gone while the page is not.

use crate::dist;
use axum::{Router, response::Html, routing::get};
use std::fs;
use tokio::{net::TcpListener, task::JoinHandle};
use tower_http::services::ServeDir;

/// A static web server. Dropping it ends it.
pub struct StaticHost {
    url: String,
    server: JoinHandle<()>,
}

impl StaticHost {
    /// Serves the page, told that its relay is at `relay`, an origin.
    pub async fn start(relay: &str) -> Self {
        let dist = dist();
        let page = fs::read_to_string(dist.join("index.html")).unwrap();
        let page = Html(with_relay(&page, relay));
        let router = Router::new()
            .route("/", get(async move || page.clone()))
            .fallback_service(ServeDir::new(dist));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, server }
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("{}/", self.url)
    }
}

impl Drop for StaticHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The page with `<meta name="relay" content="…">` filled in, which is how a host configures it.
fn with_relay(page: &str, relay: &str) -> String {
    let (before, meta) =
        page.split_once(r#"name="relay""#).expect("index.html has a meta tag named relay");
    let (attributes, after) =
        meta.split_once(r#"content="""#).expect("its content is empty in a fresh build");
    assert!(!attributes.contains('>'), "the content belongs to another tag: {attributes}");
    format!(r#"{before}name="relay"{attributes}content="{relay}"{after}"#)
}
