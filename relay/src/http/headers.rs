//! The headers that every answer has, errors too.
//!
//! They are set once, where the answer leaves the router: as layers around it, seven of them, they cost
//! a press more than its parsing.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use schemas::RECEIPT_HEADER;

const RECEIPT: HeaderName = HeaderName::from_static(RECEIPT_HEADER);
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const MARK: HeaderValue = HeaderValue::from_static("1");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Which headers the answer to a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    is_api: bool,
}

impl Kind {
    /// By the request's path.
    pub(super) fn of(path: &str) -> Self {
        let beneath = path.strip_prefix("/api");
        Self { is_api: beneath.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) }
    }

    /// Sets them.
    pub(super) fn set(self, headers: &mut HeaderMap) {
        headers.reserve(8);
        if self.is_api {
            // Marks the relay's own answers: a captive portal's have no such header.
            headers.insert(RECEIPT, MARK);
            headers.insert(header::CACHE_CONTROL, NO_STORE);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        headers.insert(header::REFERRER_POLICY, NO_REFERRER);
        // No other site embeds anything of this one. It does not concern requests by CORS.
        headers.insert(RESOURCE_POLICY, SAME_ORIGIN);
        // The page has its own.
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_marked() {
        for (path, is_api) in [
            ("/api/events", true),
            ("/api", true),
            ("/api/none", true),
            ("/apiary", false),
            ("/", false),
            ("/metrics", false),
        ] {
            assert_eq!(Kind::of(path), Kind { is_api }, "{path}");
        }
    }

    #[test]
    fn the_page_keeps_its_policy() {
        let mut headers = HeaderMap::new();
        let own = HeaderValue::from_static("default-src 'self'");
        headers.insert(header::CONTENT_SECURITY_POLICY, own.clone());
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("unsafe-url"));
        Kind::of("/").set(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], own);
        assert_eq!(headers[header::REFERRER_POLICY], NO_REFERRER);
        assert!(!headers.contains_key(RECEIPT));
    }
}
