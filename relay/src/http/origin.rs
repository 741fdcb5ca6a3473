//! Whose pages may post events: those of any site, or of the sites on a list.
//!
//! There are no cookies and no other credentials, so all that a foreign page can do is to press, as
//! anybody can. The list is for those who want the numbers of their own page alone. It binds browsers,
//! which always say where a page that posts is from (Fetch Standard, section 3.2, “`Origin` header”);
//! a program can say what it likes.

use axum::http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use tower_http::cors::AllowOrigin;
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
        let wrong = || format!("{text} is not an origin such as https://button.example.com");
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

    /// Whether a page that sends these headers may post: it is no page, or one of the list, or the
    /// relay's own.
    pub(super) fn permits(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(header::HOST).map(HeaderValue::as_bytes);
        headers.get_all(header::ORIGIN).iter().all(|origin| {
            let bytes = origin.as_bytes();
            let at = [&b"http://"[..], b"https://"].iter().find_map(|it| bytes.strip_prefix(*it));
            self.0.is_empty() || self.0.contains(origin) || (at.is_some() && at == own)
        })
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

    fn permits(list: &[&str], host: &str, origins: &[&str]) -> bool {
        let list = list.iter().map(|origin| AllowedOrigins::parse(origin).unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        AllowedOrigins::new(list).permits(&headers)
    }

    #[test]
    fn without_a_list_every_page_may() {
        assert!(
            permits(&[], "relay", &["https://elsewhere.example"]) && permits(&[], "r", &["null"])
        );
    }

    #[test]
    fn with_a_list_its_pages_and_the_own_one_may() {
        let list = ["https://Button.example.com:443/", "http://10.0.0.7:8081"];
        for (origins, expected) in [
            (&[][..], true),
            (&["https://button.example.com"], true),
            (&["http://10.0.0.7:8081"], true),
            (&["https://relay.example.com:9000"], true),
            (&["http://relay.example.com:9000"], true),
            (&["https://relay.example.com"], false),
            (&["http://button.example.com"], false),
            (&["https://button.example.com.evil.example"], false),
            (&["https://evil.example"], false),
            (&["relay.example.com:9000"], false),
            (&["null"], false),
            (&[""], false),
            (&["https://button.example.com", "https://evil.example"], false),
        ] {
            assert_eq!(permits(&list, "relay.example.com:9000", origins), expected, "{origins:?}");
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
