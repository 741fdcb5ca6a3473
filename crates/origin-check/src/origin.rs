//! Origins whose pages may post events: all, or those of a list and the server's own.
//!
//! Without cookies and other credentials, a foreign page can do what any client can: post events, of people who
//! have not seen the button. Only browsers enforce it, which always send the origin of a page that posts (Fetch
//! Standard, section 3.2, “`Origin` header”); other clients can send any origin.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
};
use schemas::RECEIPT_HEADER;
use std::time::Duration;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    csrf::CsrfLayer,
};
use url::Url;

/// Stands for every origin.
const ANY: &str = "*";

/// Parses `*`, or an origin such as `https://button.example.com`, into the form that browsers send: in lower case,
/// without the default port of the scheme.
pub fn parse_origin(text: &str) -> Result<HeaderValue, String> {
    if text.trim() == ANY {
        return Ok(HeaderValue::from_static(ANY));
    }
    let invalid = || "not an origin such as https://button.example.com, and not *".to_owned();
    let url = Url::parse(text.trim()).map_err(|_| invalid())?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "http" | "https") || url.as_str() != format!("{origin}/") {
        return Err(invalid());
    }
    HeaderValue::try_from(origin).map_err(|_| invalid())
}

/// Which pages may post events, and which may read the responses.
pub struct Posters {
    /// `None`: those of all origins.
    posters: Option<Vec<HeaderValue>>,
    /// The same for the live numbers.
    readers: Option<Vec<HeaderValue>>,
}

impl Posters {
    /// The pages that `--allowed-origins` names. If it names none, all may post unless the relay serves the page
    /// itself, and all may read. Pages at the relay's own addresses always may.
    pub fn new(allowed: &[HeaderValue], public_urls: &[Url], serves_page: bool) -> Self {
        let own = public_urls.iter().map(|url| url.origin().ascii_serialization());
        let own = own.filter_map(|origin| HeaderValue::try_from(origin).ok());
        let list: Vec<_> = allowed.iter().cloned().chain(own).collect();
        let names_any = list.iter().any(|origin| origin == ANY);
        let readers = (!allowed.is_empty() && !names_any).then(|| list.clone());
        let posters = (!names_any && (serves_page || !allowed.is_empty())).then_some(list);
        Self { posters, readers }
    }

    /// Rejects posts of foreign pages, which CORS only keeps from reading the response. The relay's own page is
    /// recognized by `Sec-Fetch-Site`, whatever a proxy makes of `Host`; old browsers do not send it, and none do
    /// over plain HTTP, where `Origin` and `Host` must be the same unless [`accept_marked`] accepts the post.
    pub fn csrf(&self) -> Option<CsrfLayer> {
        let origins = self.posters.as_ref()?.iter().filter_map(|origin| origin.to_str().ok());
        Some(origins.fold(CsrfLayer::new(), |layer, it| {
            // An origin that was parsed before is valid.
            layer.clone().add_trusted_origin(it).unwrap_or(layer)
        }))
    }

    /// Lets pages that may post read the response.
    pub fn cors(&self) -> CorsLayer {
        cors(self.posters.as_deref())
    }

    /// Lets pages read the live numbers.
    pub fn readers_cors(&self) -> CorsLayer {
        cors(self.readers.as_deref())
    }
}

/// Accepts a post with the page's own header, which the page sends to its own origin alone: browsers send it to
/// another origin only with a permission that [`Posters::cors`] does not give.
pub async fn accept_marked(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if headers.contains_key(RECEIPT_HEADER) && !headers.contains_key("sec-fetch-site") {
        headers.remove(header::ORIGIN);
    }
    request
}

/// Lets pages of these origins, or of all, use the API. They send no credentials.
fn cors(origins: Option<&[HeaderValue]>) -> CorsLayer {
    let origins = match origins {
        None => AllowOrigin::any(),
        Some(origins) => AllowOrigin::list(origins.iter().cloned()),
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
    use axum::{Router, body::Body, middleware::map_request, response::Response, routing::post};
    use tower::ServiceExt;

    #[test]
    fn parse_origin_accepts_only_origins() {
        let origin = parse_origin(" https://Button.example.com:443/");
        assert_eq!(origin.unwrap(), "https://button.example.com");
        for text in [
            "",
            "**",
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

    const EVIL: &str = "https://evil.example";
    const HOST: (&str, &str) = ("host", "relay.example.com");

    /// The response to a request to a server whose pages may post as `posters` has it.
    async fn send(posters: &Posters, method: &str, headers: &[(&str, &str)]) -> Response {
        let mut router = Router::new().route("/", post(|| async {}));
        if let Some(csrf) = posters.csrf() {
            router = router.layer(csrf).layer(map_request(accept_marked));
        }
        let request = headers
            .iter()
            .fold(Request::builder(), |it, (name, value)| it.method(method).header(*name, *value));
        let request = request.body(Body::empty()).unwrap();
        router.layer(posters.cors()).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn pages_of_other_origins_may_post_unless_the_relay_serves_the_page() {
        let public = [Url::parse("https://button.example.com").unwrap()];
        let all = [parse_origin("*").unwrap()];
        for (posters, foreign) in [
            (Posters::new(&[], &[], false), 200),
            (Posters::new(&[], &public, false), 200),
            (Posters::new(&[], &[], true), 403),
            (Posters::new(&[], &public, true), 403),
            (Posters::new(&all, &public, true), 200),
        ] {
            for headers in [
                &[("origin", EVIL)][..],
                &[("origin", "null")],
                &[("origin", EVIL), ("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "cross-site")],
                &[("origin", EVIL), ("sec-fetch-site", "cross-site"), (RECEIPT_HEADER, "1")],
            ] {
                let response = send(&posters, "POST", &[&[HOST], headers].concat()).await;
                assert_eq!(response.status(), foreign, "{headers:?}");
                let may_read = response.headers().contains_key("access-control-allow-origin");
                assert_eq!(may_read, foreign == 200, "{headers:?}");
            }
            for headers in [
                // A program.
                &[][..],
                &[("origin", "http://relay.example.com")],
                &[("origin", "https://relay.example.com"), ("sec-fetch-site", "same-origin")],
                // Over plain HTTP behind a proxy that rewrites the host.
                &[("origin", "http://press.example.com"), (RECEIPT_HEADER, "1")],
            ] {
                let response = send(&posters, "POST", &[&[HOST], headers].concat()).await;
                assert_eq!(response.status(), 200, "{headers:?}");
            }
        }
    }

    #[tokio::test]
    async fn page_at_a_public_address_is_the_own_one() {
        let public = [Url::parse("http://button.example.com/folder/").unwrap()];
        let posters = Posters::new(&[], &public, true);
        for (origin, status) in
            [("http://button.example.com", 200), ("https://button.example.com", 403)]
        {
            let headers = [("host", "127.0.0.1:9000"), ("origin", origin)];
            assert_eq!(send(&posters, "POST", &headers).await.status(), status, "{origin}");
        }
    }

    #[tokio::test]
    async fn preflight_of_a_foreign_page_permits_no_mark_of_the_own_one() {
        let listed = parse_origin(EVIL).unwrap();
        for (posters, expected) in [
            (Posters::new(&[], &[], true), None),
            (Posters::new(&[], &[], false), Some("*")),
            (Posters::new(&[listed], &[], true), Some(EVIL)),
        ] {
            let headers = [
                HOST,
                ("origin", EVIL),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", RECEIPT_HEADER),
            ];
            let response = send(&posters, "OPTIONS", &headers).await;
            let value = |name| response.headers().get(name).map(|it| it.to_str().unwrap());
            assert_eq!(value("access-control-allow-origin"), expected);
            assert_eq!(value("access-control-allow-headers"), Some("content-type"));
        }
    }
}
