//! The headers of every response, errors included.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use schemas::RECEIPT_HEADER;
use tower::Service;

const RECEIPT: HeaderName = HeaderName::from_static(RECEIPT_HEADER);
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const MARK: HeaderValue = HeaderValue::from_static("1");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Routes a request and sets the common headers of its response. As layers of the router, one for each
/// header, they cost an event more than its parsing.
pub async fn respond(mut router: Router, request: Request) -> Response {
    let is_api = is_api(request.uri().path());
    // A router is always ready.
    let Ok(mut response) = router.call(request).await;
    set(response.headers_mut(), is_api);
    response
}

fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn set(headers: &mut HeaderMap, is_api: bool) {
    headers.reserve(8);
    if is_api {
        // Distinguishes the relay's own responses from those of a captive portal.
        headers.insert(RECEIPT, MARK);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    // No other site embeds anything of this one. CORS requests are not affected.
    headers.insert(RESOURCE_POLICY, SAME_ORIGIN);
    // Static files have their own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_api_requires_the_whole_segment() {
        for path in ["/api/events", "/api", "/api/none"] {
            assert!(is_api(path), "{path}");
        }
        for path in ["/apiary", "/", "/metrics"] {
            assert!(!is_api(path), "{path}");
        }
    }
}
