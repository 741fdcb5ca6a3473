//! One attempt to bring a request to the relay.
//!
//! `text/plain` without credentials is a "simple" request: browsers ask no permission (preflight)
//! first, and ad blockers that stop `sendBeacon` let it pass.

use crate::outbox::Answer;
use gloo_timers::callback::Timeout;
use js_sys::Reflect;
use schemas::RECEIPT_HEADER;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, RequestCache, RequestCredentials, RequestInit, RequestMode,
    RequestRedirect, Response,
};

/// After this the attempt is given up: longer than the relay's own deadline for Kafka.
const TIMEOUT_MILLIS: u32 = 8_000;

/// Posts `body`. With `keepalive` the browser finishes it even if the page is gone. `controller`
/// can end it from outside.
pub async fn post(url: &str, body: &str, keepalive: bool, controller: &AbortController) -> Answer {
    let timeout = {
        let controller = controller.clone();
        Timeout::new(TIMEOUT_MILLIS, move || controller.abort())
    };
    let answer = attempt(url, body, keepalive, controller).await;
    drop(timeout);
    answer.unwrap_or(Answer::Nothing)
}

async fn attempt(
    url: &str,
    body: &str,
    keepalive: bool,
    controller: &AbortController,
) -> Result<Answer, JsValue> {
    let headers = Headers::new()?;
    headers.set("content-type", "text/plain;charset=utf-8")?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&body.into());
    init.set_mode(RequestMode::Cors);
    init.set_credentials(RequestCredentials::Omit);
    init.set_cache(RequestCache::NoStore);
    // A captive portal redirects; the relay never does.
    init.set_redirect(RequestRedirect::Error);
    init.set_signal(Some(&controller.signal()));
    Reflect::set(&init, &"keepalive".into(), &keepalive.into())?;

    let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
    let response = JsFuture::from(window.fetch_with_str_and_init(url, &init)).await?;
    let response: Response = response.dyn_into()?;
    let headers = response.headers();
    let retry_after = headers.get("retry-after")?.and_then(|text| seconds(&text));
    let body = JsFuture::from(response.text()?).await?;
    Ok(Answer::Http {
        status: response.status(),
        signed: headers.get(RECEIPT_HEADER)?.is_some(),
        retry_after,
        body: body.as_string().unwrap_or_default(),
    })
}

/// `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3).
fn seconds(text: &str) -> Option<f64> {
    // Whole, as the RFC has it.
    let number = text.trim().parse::<u32>().ok().map(f64::from);
    let date = || (js_sys::Date::parse(text) - js_sys::Date::now()) / 1000.0;
    number.or_else(|| Some(date())).filter(|s: &f64| s.is_finite())
}
