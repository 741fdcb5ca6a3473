//! Pages of other sites: what they can do is press, or, if there is a list of sites, nothing. And what
//! every answer's headers forbid.

use e2e::{Relay, dist, press};
use reqwest::{Client, Method, Response, StatusCode, header::HeaderMap};
use schemas::{Problem, RECEIPT_HEADER, Uuid};

const HOME: &str = "https://button.example.com";
const FOREIGN: &str = "https://evil.example";

/// A press as a page of this site sends it: without asking for permission first (Fetch Standard,
/// section 2.2.2, “CORS-safelisted request-header”).
async fn press_from(relay: &Relay, origin: Option<&str>) -> Response {
    let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 0)).unwrap();
    let mut post = Client::new()
        .post(format!("{}/api/events", relay.url()))
        .header("content-type", "text/plain;charset=UTF-8")
        .body(body);
    if let Some(origin) = origin {
        post = post.header("origin", origin);
    }
    post.send().await.unwrap()
}

fn may_read(answer: &Response) -> Option<&str> {
    answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_any_page_may_press_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    for origin in [None, Some(FOREIGN), Some("null")] {
        let answer = press_from(&relay, origin).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(may_read(&answer), Some("*"));
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    // What is not part of the contract is not readable for others.
    let urls =
        [relay.url(), relay.management_url() + "/readyz", relay.management_url() + "/metrics"];
    for url in urls {
        let get = Client::new().get(&url).header("origin", FOREIGN);
        assert_eq!(may_read(&get.send().await.unwrap()), None, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_list_the_press_of_a_foreign_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = format!("{HOME},http://10.0.0.7:8081");
    let relay = Relay::start(folder.path(), &["--allowed-origins", &list]).await;
    let own = relay.url();
    let mut taken = 0;
    for origin in [None, Some(HOME), Some("http://10.0.0.7:8081"), Some(own.as_str())] {
        let answer = press_from(&relay, origin).await;
        assert_eq!(answer.status(), StatusCode::OK, "{origin:?}");
        let reader = origin.filter(|origin| *origin != own);
        assert_eq!(may_read(&answer), reader);
        assert!(answer.headers()["vary"].to_str().unwrap().to_lowercase().contains("origin"));
        taken += 1;
    }
    for origin in
        [FOREIGN, "null", "http://button.example.com", "https://button.example.com.evil.example"]
    {
        let answer = press_from(&relay, Some(origin)).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(may_read(&answer), None);
        assert!(answer.headers().contains_key(RECEIPT_HEADER));
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.json::<Problem>().await.unwrap().status, 403);
    }
    assert_eq!(relay.stored().len(), taken);
    // Permission to post is not given either.
    for (origin, expected) in [(HOME, Some(HOME)), (FOREIGN, None)] {
        let ask = Client::new().request(Method::OPTIONS, format!("{own}/api/events"));
        let ask = ask.header("origin", origin).header("access-control-request-method", "POST");
        assert_eq!(may_read(&ask.send().await.unwrap()), expected);
    }
    for wrong in ["**", "button.example.com", "https://button.example.com/page"] {
        let said = Relay::refusal(folder.path(), &["--allowed-origins", wrong]);
        assert!(said.contains("https://button.example.com"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_that_serves_the_page_accepts_posts_of_its_own_origin_alone() {
    let folder = tempfile::tempdir().unwrap();
    let page = dist();
    let with_page = ["--static-dir", page.to_str().unwrap()];
    let any = [&with_page[..], &["--allowed-origins", "*"]].concat();
    let named = [&with_page[..], &["--allowed-origins", HOME]].concat();
    for (options, home, foreign) in
        [(&with_page[..], 403, 403), (&named, 200, 403), (&any, 200, 200)]
    {
        let own = tempfile::tempdir_in(folder.path()).unwrap();
        let relay = Relay::start(own.path(), options).await;
        let url = relay.url();
        for (origin, status) in [
            (None, 200),
            (Some(url.as_str()), 200),
            (Some(HOME), home),
            (Some(FOREIGN), foreign),
            (Some("null"), foreign),
        ] {
            let response = press_from(&relay, origin).await;
            assert_eq!(response.status().as_u16(), status, "{origin:?} {options:?}");
            assert!(response.headers().contains_key(RECEIPT_HEADER));
        }
    }
}

/// A name of another site that leads to the relay (DNS rebinding).
#[tokio::test(flavor = "multi_thread")]
async fn site_whose_name_leads_to_the_relay_is_misdirected() {
    let folder = tempfile::tempdir().unwrap();
    let page = dist();
    let options = ["--static-dir", page.to_str().unwrap(), "--public-url", HOME];
    let relay = Relay::start(folder.path(), &options).await;
    let rebound = |address: &str| {
        let address = address.parse().unwrap();
        let client = Client::builder().resolve("evil.example", address);
        let client = client.resolve("button.example.com", address).build().unwrap();
        move |host: &str, path: &str| {
            client.get(format!("http://{host}:{}{path}", address.port())).send()
        }
    };
    let get = rebound(relay.address());
    for path in ["/", "/index.html", "/api/stats", "/api/live", "/nothing"] {
        let response = get("evil.example", path).await.unwrap();
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem = response.json::<Problem>().await.unwrap();
        assert!(problem.status == 421 && problem.detail.contains("--public-url"), "{problem:?}");
        let own = get("button.example.com", path).await.unwrap();
        assert_ne!(own.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
    assert_eq!(get("evil.example", "/healthz").await.unwrap().status(), StatusCode::OK);
    let get = rebound(relay.management_address());
    for (host, status) in [("evil.example", 421), ("127.0.0.1", 200), ("localhost", 200)] {
        for path in ["/readyz", "/metrics"] {
            assert_eq!(get(host, path).await.unwrap().status().as_u16(), status, "{host} {path}");
        }
    }
    for wrong in ["button.example.com", "*", "ftp://button.example.com"] {
        let said = Relay::refusal(folder.path(), &["--public-url", wrong]);
        assert!(said.contains("https://button.example.com"), "{said}");
    }
}

/// The headers that say what may be done with an answer.
fn policy(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut policy: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "content-length" | "last-modified"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    policy.sort();
    policy
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_may_be_done_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let page = dist();
    let with_page = ["--static-dir", page.to_str().unwrap()];
    let client = Client::new();
    for options in [&[][..], &with_page] {
        let own = tempfile::tempdir_in(folder.path()).unwrap();
        let relay = Relay::start(own.path(), options).await;
        let is_page = !options.is_empty();
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/index.html"),
            ("GET", "/sw.js"),
            ("GET", "/live/"),
            ("GET", "/nothing"),
            ("POST", "/nothing"),
            ("GET", "/healthz"),
            ("POST", "/healthz"),
            ("GET", "/readyz"),
            ("GET", "/metrics"),
            ("GET", "/api/stats"),
            ("GET", "/api/live"),
            ("GET", "/api/nothing"),
            ("GET", "/api/events"),
            ("POST", "/api/events"),
            ("OPTIONS", "/api/events"),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let url = format!("{}{path}", relay.url());
            let answer = client.request(method.clone(), &url).send().await.unwrap();
            let headers = answer.headers();
            let what = format!("{method} {path} {} {headers:?}", answer.status());
            assert_eq!(headers["x-content-type-options"], "nosniff", "{what}");
            assert_eq!(headers["referrer-policy"], "no-referrer", "{what}");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{what}");
            let csp: Vec<_> = headers.get_all("content-security-policy").iter().collect();
            assert_eq!(csp.len(), 1, "{what}");
            let csp = csp[0].to_str().unwrap();
            let is_a_page = is_page && matches!(path, "/" | "/index.html" | "/live/");
            // A page has the rest of its policy in itself.
            assert!(is_a_page || csp.starts_with("default-src 'none'; "), "{what}");
            assert!(
                csp.contains("frame-ancestors 'none'") && !csp.contains("unsafe-inline"),
                "{what}"
            );
            let opener = headers.get("cross-origin-opener-policy");
            assert!(!is_a_page || opener.unwrap() == "same-origin", "{what}");
            // Nobody needs to know what the relay is made of.
            for name in ["server", "x-powered-by", "via"] {
                assert!(!headers.contains_key(name), "{what}");
            }
            if method == Method::GET && path != "/api/live" {
                let head = client.head(&url).send().await.unwrap();
                assert_eq!(head.status(), answer.status(), "{what}");
                assert_eq!(policy(head.headers()), policy(headers), "{what}");
                assert!(head.bytes().await.unwrap().is_empty());
            }
        }
    }
}
