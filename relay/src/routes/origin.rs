//! Origins whose pages may post events: all, or those of a list and the relay's own.
//!
//! Without cookies and other credentials, a foreign page can do what any client can: post events. A list
//! keeps the events of other pages out of the numbers. Only browsers enforce it, which always send the origin
//! of a page that posts (Fetch Standard, section 3.2, “`Origin` header”); other clients can send any origin.

use axum::http::{HeaderName, HeaderValue, Method, header};
use schemas::RECEIPT_HEADER;
use std::time::Duration;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    csrf::CsrfLayer,
};
use url::Url;

/// Parses an origin such as `https://button.example.com`, into the form that browsers send: in lower case,
/// without the default port of the scheme.
pub fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    let invalid = || "not an origin such as https://button.example.com".to_owned();
    let url = Url::parse(text.trim()).map_err(|_| invalid())?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || url.as_str() != format!("{origin}/") {
        return Err(invalid());
    }
    HeaderValue::try_from(origin).map_err(|_| invalid())
}

/// Rejects posts of foreign pages, which CORS only keeps from reading the response. The relay's own page is
/// recognized by `Sec-Fetch-Site`, whatever a proxy makes of `Host`; browsers do not send that over plain
/// HTTP, where `Origin` and `Host` must be the same.
pub(super) fn csrf(origins: &[HeaderValue]) -> CsrfLayer {
    origins.iter().filter_map(|origin| origin.to_str().ok()).fold(CsrfLayer::new(), |layer, it| {
        // An origin that was parsed before is valid.
        layer.clone().add_trusted_origin(it).unwrap_or(layer)
    })
}

/// Lets pages of these origins, or of all if there is no list, use the API. They send no credentials.
pub(super) fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let origins = match origins {
        [] => AllowOrigin::any(),
        origins => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER, HeaderName::from_static(RECEIPT_HEADER)])
        .max_age(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parse_origin_accepts_only_origins() {
        let origin = parse_origin(" https://Button.example.com:443/");
        assert_eq!(origin.unwrap(), "https://button.example.com");
        for text in [
            "",
            "*",
            "null",
            "button.example.com",
            "ftp://x.example",
            "https://x.example/y",
            "https://x.example/?",
            "https://user@x.example",
        ] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }
}
