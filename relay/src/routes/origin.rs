//! Whose pages may post events: those of any site, or of the sites on a list.
//!
//! There are no cookies and no other credentials, so all that a foreign page can do is to press, as
//! anybody can. The list is for those who want the numbers of their own page alone. It binds browsers,
//! which always say where a page that posts is from (Fetch Standard, section 3.2, “`Origin` header”);
//! a program can say what it likes.

use axum::http::HeaderValue;
use std::sync::Arc;
use tower_http::{cors::AllowOrigin, csrf::CsrfLayer};
use url::Url;

/// The sites whose pages may post events; none named is all.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Arc<[HeaderValue]>);

impl AllowedOrigins {
    /// These sites, and the relay's own page.
    pub fn new(origins: impl IntoIterator<Item = HeaderValue>) -> Self {
        Self(origins.into_iter().collect())
    }

    /// One of the list, as it is given: `https://button.example.com`, with a port where it is not the
    /// scheme's own.
    pub fn parse(text: &str) -> Result<HeaderValue, String> {
        let wrong = || "not an origin such as https://button.example.com".to_owned();
        let url = Url::parse(text.trim()).map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !bare || !anonymous {
            return Err(wrong());
        }
        // As browsers write it: in small letters, without the scheme's own port.
        HeaderValue::try_from(url.origin().ascii_serialization()).map_err(|_| wrong())
    }

    /// Whether there is a list.
    pub(super) fn is_list(&self) -> bool {
        !self.0.is_empty()
    }

    /// Rejects posts of foreign pages, which CORS only keeps from reading the answer. The relay's own page is
    /// known by `Sec-Fetch-Site`, whatever a proxy makes of `Host`; where browsers do not send that, over plain
    /// HTTP, `Origin` and `Host` have to be the same.
    pub(super) fn csrf(&self) -> CsrfLayer {
        let add = |layer: CsrfLayer, origin: &HeaderValue| {
            // Parsed as an origin, so neither can fail.
            let added = origin.to_str().ok().map(|origin| layer.clone().add_trusted_origin(origin));
            added.and_then(Result::ok).unwrap_or(layer)
        };
        self.0.iter().fold(CsrfLayer::new(), add)
    }

    /// For the answers' headers, by which browsers know who may read them.
    pub(super) fn readers(&self) -> AllowOrigin {
        if self.is_list() { AllowOrigin::list(self.0.iter().cloned()) } else { AllowOrigin::any() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Router, body::Body, http::Request, routing::post as post_method};
    use tower::ServiceExt;

    /// The status of a post with these headers, with a list of origins.
    async fn post(list: &[&str], headers: &[(&str, &str)]) -> u16 {
        let list = list.iter().map(|origin| AllowedOrigins::parse(origin).unwrap());
        let routes = Router::new().route("/", post_method(|| async {}));
        let routes = routes.layer(AllowedOrigins::new(list).csrf());
        let request =
            headers.iter().fold(Request::post("/"), |it, (name, value)| it.header(*name, *value));
        let response = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        response.status().as_u16()
    }

    const LIST: [&str; 2] = ["https://Button.example.com:443/", "http://10.0.0.7:8081"];

    #[tokio::test]
    async fn listed_pages_and_the_own_one_may_post() {
        assert_eq!(post(&LIST, &[]).await, 200, "no page");
        for (origin, status) in [
            ("https://button.example.com", 200),
            ("http://10.0.0.7:8081", 200),
            ("https://relay.example.com:9000", 200),
            ("http://relay.example.com:9000", 200),
            ("https://relay.example.com", 403),
            ("http://button.example.com", 403),
            ("https://button.example.com.evil.example", 403),
            ("https://evil.example", 403),
            ("relay.example.com:9000", 403),
            ("null", 403),
        ] {
            let headers = [("host", "relay.example.com:9000"), ("origin", origin)];
            assert_eq!(post(&LIST, &headers).await, status, "{origin}");
        }
    }

    #[tokio::test]
    async fn own_page_may_post_behind_a_proxy_that_rewrites_host() {
        let own = [
            ("host", "127.0.0.1:9000"),
            ("origin", "https://press.example.com"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(post(&LIST, &own).await, 200);
        for site in ["cross-site", "same-site"] {
            let foreign = [own[0], own[1], ("sec-fetch-site", site)];
            assert_eq!(post(&LIST, &foreign).await, 403, "{site}");
            let listed =
                [own[0], ("origin", "https://button.example.com"), ("sec-fetch-site", site)];
            assert_eq!(post(&LIST, &listed).await, 200, "{site}");
        }
    }

    #[test]
    fn only_origins_are_origins() {
        for text in
            ["", "*", "null", "button.example.com", "ftp://x.example", "https://x.example/y"]
        {
            assert!(AllowedOrigins::parse(text).is_err(), "{text}");
        }
        assert!(AllowedOrigins::parse("https://user@x.example").is_err());
    }
}
