//! Requests to the relay.

use super::{boot, clock::now_millis, dom};
use crate::outbox::RequestOutcome;
use gloo_net::http::Response;
use js_sys::{Array, Object, Promise};
use schemas::RECEIPT_HEADER;
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Url};

#[wasm_bindgen]
extern "C" {
    // As in web-sys, but with what other scripts on the page may have put in its place: it may throw, and
    // return no promise.
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &Object) -> Result<JsValue, JsValue>;
}

/// After this an attempt is given up: longer than the relay's own deadline for Kafka.
const REQUEST_TIMEOUT_MILLIS: u32 = 8_000;

/// The address that events are posted to: beside the page, or where `<meta name="relay">` points, which
/// may change after the build. `None` where that is no address.
pub fn events_url() -> Option<String> {
    let relay = dom::meta("relay");
    let relay = relay.trim().trim_end_matches('/');
    let base = web_sys::window()?.document()?.base_uri().ok().flatten()?;
    let relay = if relay.is_empty() { "." } else { relay };
    Some(Url::new_with_base(&format!("{relay}/api/events"), &base).ok()?.href())
}

/// Begins to post `body`, and returns how that ends. With `keepalive` the browser finishes the request even
/// if the page is gone.
///
/// `text/plain` with a language and without credentials is a "simple" request: browsers send no preflight
/// before it, and ad blockers that stop `sendBeacon` let it pass.
pub fn post(
    url: &str,
    body: &str,
    keepalive: bool,
    controller: Option<AbortController>,
) -> impl Future<Output = RequestOutcome> + use<> {
    let signal = controller.as_ref().map_or(JsValue::UNDEFINED, |it| it.signal().into());
    // For the names of cities. Without it browsers send the visitor's languages, which the page may not have.
    let language = boot::language();
    let headers = [
        ("content-type", "text/plain;charset=utf-8".into()),
        ("accept-language", language.into()),
        // No page of another origin can send it without a preflight.
        (RECEIPT_HEADER, "1".into()),
    ];
    let headers = dom::object(&headers[..if is_own_origin(url) { 3 } else { 2 }]);
    // Not by gloo-net's builder: neither it nor web-sys has `keepalive`.
    let init = dom::object(&[
        ("method", "POST".into()),
        ("headers", headers.into()),
        ("body", body.into()),
        ("mode", "cors".into()),
        ("credentials", "omit".into()),
        ("cache", "no-store".into()),
        // A captive portal redirects; the relay never does.
        ("redirect", "error".into()),
        ("signal", signal),
        ("keepalive", keepalive.into()),
    ]);
    // Not by a `Request`, which gloo-net takes: in Firefox one loses its `keepalive`. It begins here, not in
    // the future: a page that is left may not run until the next task.
    let fetched = fetch(url, &init);
    let timeout = dom::timeout(REQUEST_TIMEOUT_MILLIS);
    async move {
        let response = match fetched {
            Ok(fetched) => response(&fetched, &timeout).await,
            Err(_) => None,
        };
        response.unwrap_or_else(|| {
            // After a timeout, to free the connection; else it has ended anyway.
            if let Some(controller) = controller {
                controller.abort();
            }
            RequestOutcome::NoResponse
        })
    }
}

/// Whether the address is of the page's own origin.
fn is_own_origin(url: &str) -> bool {
    let origin = web_sys::window().and_then(|window| window.location().origin().ok());
    origin.is_some_and(|it| url.strip_prefix(&it).is_some_and(|rest| rest.starts_with('/')))
}

/// The whole response; `None` if there is none before the timeout.
async fn response(fetched: &JsValue, timeout: &Promise) -> Option<RequestOutcome> {
    // Not by the signal alone: a `fetch` in the place of the browser's may ignore it.
    let in_time = |it: &JsValue| JsFuture::from(Promise::race(&Array::of2(it, timeout.as_ref())));
    let response = in_time(fetched).await.ok()?.dyn_into::<web_sys::Response>().ok()?;
    let body = in_time(response.text().ok()?.as_ref()).await.ok()?.as_string()?;
    let response = Response::from(response);
    let headers = response.headers();
    Some(RequestOutcome::Response {
        status: response.status(),
        signed: headers.get(RECEIPT_HEADER).is_some(),
        retry_after: headers.get("retry-after").and_then(|text| retry_after(&text)),
        body,
    })
}

/// `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number {
        text.parse().map_or(f64::MAX, |seconds: u32| f64::from(seconds))
    } else {
        (js_sys::Date::parse(text) - now_millis()) / 1000.0
    };
    Some(seconds).filter(|seconds| seconds.is_finite())
}
