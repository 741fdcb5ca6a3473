//! The page's files, so that one process and one port are a whole stand.

use super::{
    Context,
    accompanied::Accompanied,
    problem::{self, ApiError},
};
use crate::limits::Limited;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use std::{fs, path::Path, sync::Arc};
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

/// What a document may do it says itself, with the hashes of what stands in it (`xtask/src/document.rs`);
/// this it cannot (CSP Level 3, section 3.3).
const DOCUMENT_POLICY: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");
/// A service worker is bound by its own file's policy: it fetches the page.
const FILE_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; connect-src 'self'; frame-ancestors 'none'");

/// A file's name changes with its content, so a copy is good for ever.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Ask each time whether the copy is still good.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// Said at `/` when there is no page to serve.
const NO_PAGE: &str = "The relay runs. It serves no page: build one with `cargo xtask page` and \
    start the relay with --static-dir dist, or open the page wherever it is served.\n";

pub(super) fn router(static_dir: Option<&Path>, context: &Arc<Context>) -> Router<Arc<Context>> {
    let Some(folder) = static_dir else {
        return Router::new().route("/", get(|| async { NO_PAGE })).fallback(problem::not_found);
    };
    let files = ServeDir::new(folder).precompressed_br().precompressed_gzip();
    Router::new()
        .fallback_service(files)
        .layer(middleware::from_fn_with_state(Arc::from(folder), as_edited))
        .layer(middleware::from_fn_with_state(context.clone(), so_many_at_once))
        .layer(middleware::from_fn(refuse_impossible_names))
        .layer(middleware::from_fn(by_name))
        // Nobody who opens the page in a window keeps a hand on it (HTML Standard, section 7.1.3).
        .layer(SetResponseHeaderLayer::overriding(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ))
}

/// Each answer has a file open until all of it was taken, which some do very slowly.
async fn so_many_at_once(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    match Arc::clone(&context.limits.files).try_acquire_owned() {
        Ok(permit) => {
            next.run(request).await.map(|body| Body::new(Accompanied { body, _companion: permit }))
        }
        Err(_) => context.too_much(Limited::Files).into_response(),
    }
}

/// The system takes no name with a zero in it and none that is too long, and `ServeDir` calls that an
/// error of the server's. Behind two slashes it finds folders too, and sends whoever asks for one to
/// another host, `//live/`.
async fn refuse_impossible_names(request: Request, next: Next) -> Response {
    if can_be_a_name(request.uri().path()) {
        next.run(request).await
    } else {
        ApiError::NotFound.into_response()
    }
}

fn can_be_a_name(path: &str) -> bool {
    const LONGEST_PATH: usize = 1024;
    const LONGEST_NAME: usize = 255;
    path.len() <= LONGEST_PATH
        && !path.contains("%00")
        && !path.contains("//")
        && path.split('/').all(|name| name.len() <= LONGEST_NAME)
}

/// HTML has settings that may be edited after the build. What the build compressed beside it is of
/// the text before, so then it goes out as it is.
async fn as_edited(State(folder): State<Arc<Path>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let file = is_document(path).then(|| match path.strip_suffix('/') {
        Some(folder) => format!("{folder}/index.html"),
        None => path.to_owned(),
    });
    // Not above the folder; those are refused further on.
    if let Some(file) = file.filter(|file| !file.contains("..")) {
        let file = folder.join(file.trim_start_matches('/'));
        // A disk may be slow to answer.
        let edited = tokio::task::spawn_blocking(move || is_edited(&file)).await;
        if edited.unwrap_or(false) {
            request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
    }
    next.run(request).await
}

/// Whether a file is newer than what is compressed of it.
fn is_edited(file: &Path) -> bool {
    let modified = |file: &Path| fs::metadata(file).and_then(|data| data.modified()).ok();
    let compressed =
        ["br", "gz"].map(|ending| modified(&file.with_extension(format!("html.{ending}"))));
    let edited = modified(file);
    compressed.into_iter().flatten().any(|compressed| edited > Some(compressed))
}

/// How long a file may be kept, and its policy. Both by the name: an answer without a body (304) says
/// nothing of what it would be, and browsers take its headers for those of what they have.
async fn by_name(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (hashed, document) = (has_hash(path), is_document(path));
    let mut response = next.run(request).await.into_response();
    let found = response.status().is_success() || response.status() == 304;
    let caching = if hashed && found { FOR_EVER } else { ASK_FIRST };
    let policy = if document { DOCUMENT_POLICY } else { FILE_POLICY };
    response.headers_mut().insert(header::CACHE_CONTROL, caching);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Whether there is HTML behind this path, if there is anything.
fn is_document(path: &str) -> bool {
    path.ends_with('/') || path.ends_with(".html")
}

/// Whether the file's name ends in a hash of its content, as the build makes them:
/// `page-1f2e3d4c5b6a7980.js`, `texts/en-1f2e3d4c5b6a7980.txt`.
fn has_hash(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split(['-', '.', '_'])
        .any(|part| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_file_can_have_are_known() {
        for path in ["/", "/texts/ja-1f2e3d4c5b6a7980.txt", "/a%20b"] {
            assert!(can_be_a_name(path), "{path}");
        }
        let long = "x".repeat(256);
        for path in
            ["/%00", "/a%00.html", "//live", "/live//", &format!("/{long}"), &"/x".repeat(600)]
        {
            assert!(!can_be_a_name(path), "{path}");
        }
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        assert!(has_hash("/frontend-1f2e3d4c5b6a7980.js"));
        assert!(has_hash("/sub/frontend-1f2e3d4c5b6a7980_bg.wasm"));
        assert!(has_hash("/texts/ja-1f2e3d4c5b6a7980.txt"));
        // A service worker that is kept could keep a page for ever.
        for path in ["/", "/index.html", "/sw.js", "/icon-192.png", "/1f2e3d4c5b6a7980/index.html"]
        {
            assert!(!has_hash(path), "{path}");
        }
    }
}
