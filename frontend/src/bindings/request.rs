//! Requests to the relay.

use super::{clock::now_millis, dom};
use crate::outbox::RequestOutcome;
use futures_util::future::{Either, select};
use gloo_net::http::Response;
use js_sys::{Object, Promise};
use schemas::RECEIPT_HEADER;
use std::pin::pin;
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

/// Posts `body` and waits for the response. With `keepalive` the browser finishes the request even if the
/// page is gone.
///
/// `text/plain` with a language and without credentials is a "simple" request: browsers send no preflight before it, and ad
/// blockers that stop `sendBeacon` let it pass.
pub async fn post(
    url: &str,
    body: &str,
    keepalive: bool,
    controller: Option<AbortController>,
) -> RequestOutcome {
    let signal = controller.as_ref().map_or(JsValue::UNDEFINED, |it| it.signal().into());
    let exchange = pin!(exchange(url, body, keepalive, signal));
    // Not by the signal alone: a `fetch` in the place of the browser's may ignore it.
    let timeout = pin!(JsFuture::from(dom::timeout(REQUEST_TIMEOUT_MILLIS)));
    match select(exchange, timeout).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => {
            if let Some(controller) = controller {
                controller.abort();
            }
            RequestOutcome::NoResponse
        }
    }
}

async fn exchange(url: &str, body: &str, keepalive: bool, signal: JsValue) -> RequestOutcome {
    // For the names of cities. Without it browsers send the visitor's languages, which the page may not have.
    // What translates pages may have set anything; other characters would ask for a preflight.
    let mut language = dom::language();
    if !language.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()) {
        language.clear();
    }
    let headers = dom::object(&[
        ("content-type", "text/plain;charset=utf-8".into()),
        ("accept-language", language.into()),
    ]);
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
    // Not by a `Request`, which gloo-net takes: in Firefox one loses its `keepalive`.
    let Ok(fetched) = fetch(url, &init) else { return RequestOutcome::NoResponse };
    let fetched = JsFuture::from(Promise::resolve(&fetched)).await;
    let Some(response) = fetched.ok().and_then(|it| it.dyn_into::<web_sys::Response>().ok()) else {
        return RequestOutcome::NoResponse;
    };
    let response = Response::from(response);
    let headers = response.headers();
    let Ok(body) = response.text().await else { return RequestOutcome::NoResponse };
    RequestOutcome::Response {
        status: response.status(),
        signed: headers.get(RECEIPT_HEADER).is_some(),
        retry_after: headers.get("retry-after").and_then(|text| retry_after(&text)),
        body,
    }
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
