//! Routes of the page.

use super::{Context, problem::ApiError};
use crate::ingest::limits::Limited;
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use static_files::{Error, StaticFiles};
use std::{path::Path, sync::Arc};

/// The response at `/` without a folder.
const NO_PAGE: &str = "The relay runs. It serves no page: build one with `cargo xtask page` and \
    start the relay with --static-dir dist, or open the page wherever it is served.\n";

pub(super) fn router(static_dir: Option<&Path>) -> Router<Arc<Context>> {
    let Some(folder) = static_dir else {
        return Router::new()
            .route("/", get(|| async { NO_PAGE }))
            .fallback(|| async { ApiError::NotFound });
    };
    let files = StaticFiles::new(folder);
    let respond = |State(context): State<Arc<Context>>, request: Request| async move {
        files.respond(request, |error| context.file_error(error)).await
    };
    Router::new().fallback(respond)
}

impl Context {
    fn file_error(&self, error: Error) -> Response {
        match error {
            Error::NotFound => ApiError::NotFound.into_response(),
            Error::Busy => self.limited(Limited::Files).into_response(),
            Error::Unreadable(_) => {
                tracing::error!("{error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
