//! Static files of the page, from memory.
//!
//! HTTP is that of tower-http's `ServeDir`: methods, ranges, validators, compressed variants. A response shares
//! the content of its file with all others, so a slow client holds neither an open file nor a copy.

mod memory;

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use memory::{Backend, Memory, Settings};
use percent_encoding::percent_decode_str;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::fs;
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

/// Memory of a response that does not share its file's content: a range, or a file that is not in memory.
const CHUNK_BYTES: usize = 8 << 10;

/// Why a file is not sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// Too many files that do not fit into memory are being sent.
    #[error("too many large files are being sent")]
    Busy,
    /// The file cannot be read.
    #[error("cannot read a file of the page: {0}")]
    Unreadable(io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied => Self::NotFound,
            io::ErrorKind::ResourceBusy => Self::Busy,
            _ => Self::Unreadable(error),
        }
    }
}

/// The files of a folder. Cheap to clone.
#[derive(Clone)]
pub struct StaticFiles {
    folder: Arc<Path>,
    memory: Arc<Memory>,
}

impl StaticFiles {
    /// The files of this folder. They are read when they are requested first, and again when they change.
    pub fn new(folder: &Path) -> Self {
        Self::with_settings(folder, Settings::default())
    }

    fn with_settings(folder: &Path, settings: Settings) -> Self {
        let memory = Arc::new(Memory::new(folder.to_owned(), settings));
        Self { folder: Arc::from(folder), memory }
    }

    /// Serves a request, and adds caching and policy by the name: a response without a body (304) has no other
    /// sign of what it confirms, and browsers apply its headers to their copy.
    pub async fn respond(
        &self,
        request: Request,
        on_error: impl FnOnce(Error) -> Response,
    ) -> Response {
        let path = request.uri().path();
        let (has_hash, is_document) = (has_hash(path), is_document(path));
        let response = if is_servable(path) {
            self.serve(request).await.unwrap_or_else(on_error)
        } else {
            on_error(Error::NotFound)
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

    async fn serve(&self, mut request: Request) -> Result<Response, Error> {
        if self.is_edited(request.uri().path()).await {
            request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
        let backend = Backend { memory: Arc::clone(&self.memory), opened: Arc::default() };
        let opened = Arc::clone(&backend.opened);
        let mut files = ServeDir::with_backend(&self.folder, backend)
            .precompressed_br()
            .precompressed_gzip()
            .with_buf_chunk_size(CHUNK_BYTES);
        let response = files.try_call(request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(Error::NotFound);
        }
        let (head, body) = response.into_parts();
        let body = match opened.get() {
            Some(content) if head.status == StatusCode::OK => Body::from(content.clone()),
            _ => Body::new(body),
        };
        Ok(Response::from_parts(head, body))
    }

    /// Whether the path is a document that is newer than its compressed variants, which a build writes together:
    /// its settings may be edited after the build, and then it is served uncompressed.
    async fn is_edited(&self, path: &str) -> bool {
        if !is_document(path) {
            return false;
        }
        let index = if path.ends_with('/') { "index.html" } else { "" };
        let file = self.folder.join(format!("{}{index}", path.trim_start_matches('/')));
        let modified = async |file: PathBuf| fs::metadata(file).await?.modified();
        let variant = file.with_extension("html.br");
        match (modified(file).await, modified(variant).await) {
            (Ok(document), Ok(variant)) => document > variant,
            _ => false,
        }
    }
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
mod tests;
