//! Static files of the page.

use super::{Context, problem::ApiError};
use crate::ingest::limits::Limited;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use std::{path::Path, sync::Arc};
use tokio::fs;
use tower::Service;
use tower_http::services::ServeDir;

/// A document carries its policy with the hashes of its inline parts (`xtask/src/document.rs`), but for this
/// directive, which a meta tag cannot have (CSP Level 3, section 3.3).
const DOCUMENT_POLICY: &str = "frame-ancestors 'none'";
/// A service worker is bound by its own file's policy: it fetches the page.
const FILE_POLICY: &str = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'";

/// For names with a hash of the content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The browser revalidates its copy each time.
const REVALIDATE: &str = "no-cache";

/// The response at `/` without a folder.
const NO_PAGE: &str = "The relay runs. It serves no page: build one with `cargo xtask page` and \
    start the relay with --static-dir dist, or open the page wherever it is served.\n";

pub(super) fn router(static_dir: Option<&Path>) -> Router<Arc<Context>> {
    let Some(folder) = static_dir else {
        return Router::new()
            .route("/", get(|| async { NO_PAGE }))
            .fallback(|| async { ApiError::NotFound });
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
    let response = if is_servable(path) && !leads_out(&folder, path).await {
        serve_file(&context, files, &folder, request).await
    } else {
        ApiError::NotFound.into_response()
    };
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let caching = if has_hash && found { IMMUTABLE } else { REVALIDATE };
    let policy = if is_document { DOCUMENT_POLICY } else { FILE_POLICY };
    let headers = [
        ("cache-control", caching),
        ("content-security-policy", policy),
        // A window that opens the page has no reference to it (HTML Standard, section 7.1.3).
        ("cross-origin-opener-policy", "same-origin"),
    ];
    (headers, response).into_response()
}

async fn serve_file(
    context: &Context,
    mut files: ServeDir,
    folder: &Path,
    mut request: Request,
) -> Response {
    // A response has its file open until the client has all of it, which may take long.
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

/// Whether the path may name a file of the page. `ServeDir` answers names that no file system has, a longer one
/// among them, with 500, and redirects `//live/` to another host. Dot files may hold secrets, as `.env` does, but for
/// `.well-known` (RFC 8615).
fn is_servable(path: &str) -> bool {
    const MAX_BYTES: usize = 255;
    let Ok(name) = percent_decode_str(path).decode_utf8() else { return false };
    let is_hidden = |segment: &str| segment.starts_with('.') && segment != ".well-known";
    path.len() <= MAX_BYTES
        && !path.contains("//")
        && !name.contains(['\0', '\\'])
        && !name.split('/').any(is_hidden)
}

/// Whether the path is, by a symbolic link, a file outside of the folder.
async fn leads_out(folder: &Path, path: &str) -> bool {
    let name = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
    match fs::canonicalize(folder.join(&*name)).await {
        Ok(file) => !fs::canonicalize(folder).await.is_ok_and(|folder| file.starts_with(folder)),
        Err(_) => false,
    }
}

/// Whether the path is a document that is newer than its compressed variants, which a build writes together:
/// its settings may be edited after the build, and then it is served uncompressed.
async fn is_edited(folder: &Path, path: &str) -> bool {
    if !is_document(path) {
        return false;
    }
    let index = if path.ends_with('/') { "index.html" } else { "" };
    let file = folder.join(format!("{}{index}", path.trim_start_matches('/')));
    let modified = async |file: &Path| fs::metadata(file).await?.modified();
    match (modified(&file).await, modified(&file.with_extension("html.br")).await) {
        (Ok(document), Ok(variant)) => document > variant,
        _ => false,
    }
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
