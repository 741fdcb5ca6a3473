//! Requests with a timeout.

use gloo_net::http::{Request, Response};
use gloo_timers::callback::Timeout;
use web_sys::{AbortController, RequestCache, RequestCredentials};

const TIMEOUT_MILLIS: u32 = 8_000;

/// The text at this address, past the browser's cache; `None` for an error of the server, or of what is before
/// it.
pub async fn get_text(url: &str) -> Option<String> {
    let controller = AbortController::new().ok()?;
    let request = Request::get(url)
        .cache(RequestCache::NoStore)
        .credentials(RequestCredentials::Omit)
        .abort_signal(Some(&controller.signal()));
    // Dropped, and so stopped, when all of the answer is there.
    let _timeout = Timeout::new(TIMEOUT_MILLIS, move || controller.abort());
    let answer = request.send().await.ok().filter(Response::ok)?;
    answer.text().await.ok()
}
