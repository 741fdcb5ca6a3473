//! Static files of the page, so that one process on one port serves a whole stand.

use super::{
    Context,
    problem::{self, ApiError},
};
use crate::ingest::limits::Limited;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use http_body_util::BodyExt;
use std::{fs, path::Path, sync::Arc};
use tower::Service;
use tower_http::services::ServeDir;

/// A document carries its policy with the hashes of its inline parts (`xtask/src/document.rs`), but for this
/// directive, which a meta tag cannot have (CSP Level 3, section 3.3).
const DOCUMENT_POLICY: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");
/// A service worker is bound by its own file's policy: it fetches the page.
const FILE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; frame-ancestors 'none'");

/// For names with a hash of the content.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The browser revalidates its copy each time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// A window that opens the page has no reference to it (HTML Standard, section 7.1.3).
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// The response at `/` without a folder.
const NO_PAGE: &str = "The relay runs. It serves no page: build one with `cargo xtask page` and \
    start the relay with --static-dir dist, or open the page wherever it is served.\n";

pub(super) fn router(static_dir: Option<&Path>) -> Router<Arc<Context>> {
    let Some(folder) = static_dir else {
        return Router::new().route("/", get(|| async { NO_PAGE })).fallback(problem::not_found);
    };
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
    let folder: Arc<Path> = Arc::from(folder);
    Router::new().fallback(move |State(context): State<Arc<Context>>, request: Request| {
        respond(context, files, folder, request)
    })
}

/// Adds caching and policy by the name: a response without a body (304) has no other sign of what it
/// confirms, and browsers apply its headers to their copy.
async fn respond(
    context: Arc<Context>,
    files: ServeDir,
    folder: Arc<Path>,
    request: Request,
) -> Response {
    let path = request.uri().path();
    let (has_hash, is_document) = (has_hash(path), is_document(path));
    let mut response = if can_be_a_name(path) {
        serve_file(&context, files, &folder, request).await
    } else {
        ApiError::NotFound.into_response()
    };
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let caching = if has_hash && found { IMMUTABLE } else { REVALIDATE };
    let policy = if is_document { DOCUMENT_POLICY } else { FILE_POLICY };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, caching);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(OPENER_POLICY, SAME_ORIGIN);
    response
}

async fn serve_file(
    context: &Context,
    mut files: ServeDir,
    folder: &Path,
    mut request: Request,
) -> Response {
    // A response has its file open until the client has taken all of it, which may take long.
    let Ok(permit) = Arc::clone(&context.limits.files).try_acquire_owned() else {
        return context.limited(Limited::Files).into_response();
    };
    if is_edited(folder, request.uri().path()).await {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let Ok(response) = files.call(request).await;
    response.map(|body| {
        // The body owns the permit.
        Body::new(body.map_err(move |error| {
            let _permit = &permit;
            error
        }))
    })
}

/// Whether the file system can have a file of this name; `ServeDir` answers others with 500. Behind two
/// slashes it finds folders, and redirects to another host (`//live/`).
fn can_be_a_name(path: &str) -> bool {
    const MAX_PATH_BYTES: usize = 1024;
    const MAX_NAME_BYTES: usize = 255;
    path.len() <= MAX_PATH_BYTES
        && !path.contains("%00")
        && !path.contains("//")
        && path.split('/').all(|name| name.len() <= MAX_NAME_BYTES)
}

/// Whether the path is a document that is newer than its compressed variants: its settings may be edited
/// after the build, and then it is served uncompressed.
async fn is_edited(folder: &Path, path: &str) -> bool {
    // `ServeDir` rejects paths out of the folder.
    if !is_document(path) || path.contains("..") {
        return false;
    }
    let index = if path.ends_with('/') { "index.html" } else { "" };
    let file = folder.join(format!("{}{index}", path.trim_start_matches('/')));
    let modified = |file: &Path| fs::metadata(file).and_then(|data| data.modified()).ok();
    let is_newer = move || {
        let edited = modified(&file);
        let variants = ["html.br", "html.gz"].map(|ending| modified(&file.with_extension(ending)));
        variants.into_iter().flatten().any(|variant| edited > Some(variant))
    };
    tokio::task::spawn_blocking(is_newer).await.unwrap_or(false)
}

/// Whether there is HTML at this path, if there is anything.
fn is_document(path: &str) -> bool {
    path.ends_with('/') || path.ends_with(".html")
}

/// Whether the name ends in a hash of the content, as in the build's `page-1f2e3d4c5b6a7980.js`.
fn has_hash(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(['-', '.', '_'])
        .any(|part| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_hash_only_with_a_hash_in_the_last_segment() {
        assert!(has_hash("/frontend-1f2e3d4c5b6a7980.js"));
        assert!(has_hash("/sub/frontend-1f2e3d4c5b6a7980_bg.wasm"));
        assert!(has_hash("/texts/ja-1f2e3d4c5b6a7980.txt"));
        // A service worker that is immutable could keep a page for ever.
        for path in ["/", "/index.html", "/sw.js", "/icon-192.png", "/1f2e3d4c5b6a7980/index.html"]
        {
            assert!(!has_hash(path), "{path}");
        }
    }
}
