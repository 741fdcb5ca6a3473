//! The built page on a static host of its own, with the relay elsewhere: the page's other way of
//! being deployed, and the one where the relay can be gone while the page is not.

use crate::{HostRules, Missing, Slashless, browser::ELSEWHERE, dist};
use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode, header::LOCATION},
    response::{Html, IntoResponse, Response},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tower_http::services::ServeDir;

/// How the page is served.
#[derive(Clone, Copy)]
pub struct Hosting<'a> {
    /// The relay's origin.
    pub relay: &'a str,
    /// The address to listen at.
    pub host: &'a str,
    /// The folder that the page is in, with a slash at both ends.
    pub path: &'a str,
    /// A script that runs before the page's own, and makes its surroundings other than they are.
    pub script: &'a str,
    /// What the host does with addresses that are no file's.
    pub rules: HostRules,
}

impl<'a> Hosting<'a> {
    /// As simple as it can be.
    pub fn of(relay: &'a str) -> Self {
        Self { relay, host: "127.0.0.1", path: "/", script: "", rules: HostRules::NGINX }
    }
}

/// A static web server. Dropping it ends it.
pub struct StaticHost {
    url: String,
    state: Arc<State>,
    webassembly: watch::Sender<bool>,
    server: JoinHandle<()>,
}

struct State {
    rules: HostRules,
    /// The deepest folders first.
    pages: Vec<Page>,
    document_instead: AtomicBool,
    is_down: AtomicBool,
    documents: AtomicUsize,
    log: Mutex<Vec<String>>,
}

/// The page in one folder.
struct Page {
    folder: String,
    relay: String,
    script: String,
    files: Mutex<PathBuf>,
}

impl StaticHost {
    /// Serves the page, told that its relay is at `relay`, an origin.
    pub async fn start(relay: &str) -> Self {
        Self::start_with(Hosting::of(relay)).await
    }

    /// Serves the page in another way.
    pub async fn start_with(hosting: Hosting<'_>) -> Self {
        Self::start_with_all(&[hosting]).await
    }

    /// Serves the page in several folders of one origin, by the rules and at the address of the first.
    pub async fn start_with_all(hostings: &[Hosting<'_>]) -> Self {
        let Hosting { rules, host, path, .. } = hostings[0];
        let page = |hosting: &Hosting<'_>| Page {
            folder: hosting.path.to_owned(),
            relay: hosting.relay.to_owned(),
            script: hosting.script.to_owned(),
            files: Mutex::new(dist()),
        };
        let mut pages: Vec<Page> = hostings.iter().map(page).collect();
        pages.sort_by_key(|page| std::cmp::Reverse(page.folder.len()));
        let state = Arc::new(State {
            rules,
            pages,
            document_instead: AtomicBool::default(),
            is_down: AtomicBool::default(),
            documents: AtomicUsize::default(),
            log: Mutex::default(),
        });
        let (webassembly, passes) = watch::channel(true);
        let serving = Arc::clone(&state);
        let files = Router::new().fallback(async move |request: Request| -> Response {
            if request.uri().path().ends_with(".wasm") {
                // An error when the host is gone; then so is this.
                let _ = passes.clone().wait_for(|passes| *passes).await;
            }
            serving.respond(request).await
        });
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, files).await.unwrap() });
        Self { url, state, webassembly, server }
    }

    /// The page's address; the first one's, if there are several.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Another address of this origin.
    pub fn at(&self, path: &str) -> String {
        let origin = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        format!("{origin}{path}")
    }

    /// Whether the WebAssembly is sent, as it is at first, or is still on its way.
    pub fn send_webassembly(&self, sends: bool) {
        self.webassembly.send_replace(sends);
    }

    /// Whether the document is sent, with 200, in the place of the WebAssembly, as some hosts do while they
    /// do not have a file.
    pub fn send_document_for_webassembly(&self, sends: bool) {
        self.state.document_instead.store(sends, Relaxed);
    }

    /// Puts other files into the page's folder, as an update does.
    pub fn update(&self, folder: &str, files: &Path) {
        let page = self.state.pages.iter().find(|page| page.folder == folder).unwrap();
        files.clone_into(&mut page.files.lock().unwrap());
    }

    /// Whether the host sends nothing but errors.
    pub fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Relaxed);
    }

    /// What an access log could have of each request: its line and its headers.
    pub fn log(&self) -> Vec<String> {
        self.state.log.lock().unwrap().clone()
    }

    /// How many documents were sent.
    pub fn documents(&self) -> usize {
        self.state.documents.load(Relaxed)
    }
}

impl Drop for StaticHost {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    async fn respond(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        let entry = format!("{} {} {:?}", request.method(), request.uri(), request.headers());
        self.log.lock().unwrap().push(entry);
        if path == ELSEWHERE {
            return "Another page.".into_response();
        }
        if self.is_down.load(Relaxed) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let redirect = |status, path: &str| {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            (status, [(LOCATION, format!("{path}{query}"))]).into_response()
        };
        if path != "/" && path.ends_with('/') && self.rules.takes_slash_away {
            return redirect(StatusCode::PERMANENT_REDIRECT, path.trim_end_matches('/'));
        }
        let slashed = format!("{path}/");
        let Some(page) = self.pages.iter().find(|page| slashed.starts_with(&page.folder)) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let file = path.strip_prefix(&page.folder).unwrap_or_default();
        let is_mapped = self.rules.mapped == Some(&*path);
        let files = page.files.lock().unwrap().clone();
        let index = files.join(file).join("index.html");
        if index.is_file() || is_mapped {
            let index = if is_mapped { files.join("index.html") } else { index };
            return match self.rules.slashless {
                Slashless::Redirect(status) if !is_mapped && !path.ends_with('/') => {
                    redirect(status, &slashed)
                }
                _ => self.document(page, &index, &request),
            };
        }
        let found = files.join(file);
        if file.ends_with(".wasm") && self.document_instead.load(Relaxed) {
            return self.document(page, &files.join("index.html"), &request);
        }
        if let (Some(folder), Some(status)) =
            (path.strip_suffix("index.html"), self.rules.index_redirect)
        {
            return redirect(status, folder);
        }
        if file.ends_with("index.html") && found.is_file() {
            return self.document(page, &found, &request);
        }
        if !found.is_file() {
            return match self.rules.missing {
                Missing::Empty => StatusCode::NOT_FOUND.into_response(),
                Missing::NotFoundDocument => {
                    let document = fs::read_to_string(files.join("404.html")).unwrap();
                    (StatusCode::NOT_FOUND, Html(document)).into_response()
                }
                Missing::Index => self.document(page, &files.join("index.html"), &request),
            };
        }
        let mut request = request;
        *request.uri_mut() = format!("/{file}").parse().unwrap();
        ServeDir::new(&files).try_call(request).await.unwrap().into_response()
    }

    fn document(&self, page: &Page, file: &Path, request: &Request) -> Response {
        if *request.method() == Method::GET {
            self.documents.fetch_add(1, Relaxed);
        }
        let document = with_relay(&fs::read_to_string(file).unwrap(), &page.relay);
        Html(with_script(&document, &page.script)).into_response()
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
