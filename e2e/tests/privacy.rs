//! The address of a visitor is in nothing that the relay writes or says: not at the most talkative
//! log level, not in an error, not in the store, not in an answer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use e2e::{
    Relay,
    addresses::{PEER, VISITOR_V4, assert_no_address_in, assert_no_address_under, forwarded_for},
    press, small_geo,
};
use reqwest::{Client, RequestBuilder, header::HeaderMap};
use schemas::Uuid;
use std::net::{IpAddr, Ipv4Addr};

/// A client whose connections come from the visitor's own address.
fn client() -> Client {
    Client::builder().local_address(IpAddr::V4(Ipv4Addr::from(PEER))).build().unwrap()
}

/// Sends a request and searches all of the answer.
async fn send(request: RequestBuilder) -> u16 {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers: &HeaderMap = response.headers();
    assert_no_address_in("the answer's headers", format!("{headers:?}").as_bytes());
    assert_no_address_in("the answer", &response.bytes().await.unwrap());
    status
}

/// Requests of every kind, with the visitor's address in every header that may hold one.
async fn visit(relay: &Relay, client: &Client) {
    let events = format!("{}/api/events", relay.url());
    for address in forwarded_for() {
        let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 1_741_343_626_754_240)).unwrap();
        let post = |body: String| {
            client
                .post(&events)
                .header("x-forwarded-for", &address)
                .header("forwarded", format!("for={address}"))
                .header("x-real-ip", &address)
                .header("cf-connecting-ip", &address)
                .body(body)
        };
        assert_eq!(send(post(body.clone())).await, 200, "{address}");
        // On two lines, as when each of two proxies adds its own.
        assert_eq!(send(post(body).header("x-forwarded-for", "127.0.0.1")).await, 200);
        assert_eq!(send(post("{".to_owned())).await, 400);
        assert_eq!(send(post("x".repeat(70_000))).await, 413);
        for path in ["healthz", "readyz", "nothing", "api/nothing", ""] {
            let get = client.get(format!("{}/{path}", relay.url()));
            send(get.header("x-forwarded-for", &address)).await;
        }
        let preflight = client.request(reqwest::Method::OPTIONS, &events);
        send(preflight.header("x-forwarded-for", &address)).await;
    }
    // Not UTF-8, and longer than anything reasonable.
    let mut odd = vec![0xff, 0xfe];
    odd.extend_from_slice(VISITOR_V4.as_bytes());
    for value in [odd, VISITOR_V4.repeat(500).into_bytes()] {
        let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 0)).unwrap();
        assert_eq!(
            send(client.post(&events).header("x-forwarded-for", value).body(body)).await,
            200
        );
    }
}

async fn search_after_a_visit(options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let relay_folder = folder.path().join("relay");
    let mut all = vec!["--log", "trace", "--geo-database", geo.to_str().unwrap()];
    all.extend(options);
    let mut relay = Relay::start(&relay_folder, &all).await;
    let visitor = client();
    visit(&relay, &visitor).await;
    let rows = relay.stored().len();
    assert_eq!(rows, forwarded_for().len() + 2, "each visitor is in the store");

    // While it runs there is a write-ahead log; after a kill it stays.
    assert!(relay.store_file().with_extension("sqlite-wal").is_file());
    assert_no_address_under(&relay_folder);
    relay.kill();
    assert!(assert_no_address_under(&relay_folder) > 10_000);

    // A start that fails may say why, but not who was there.
    relay.start_again(&all).await;
    visit(&relay, &client()).await;
    relay.stop();
    assert!(assert_no_address_under(&relay_folder) > 10_000);
    // The log is where it was searched.
    assert!(std::fs::read_to_string(relay.log_file()).unwrap().contains("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_a_trusted_proxy_reports_are_forgotten() {
    search_after_a_visit(&["--trusted-proxies", "127.0.0.0/8"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_headers_that_are_not_believed_are_forgotten() {
    search_after_a_visit(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_place_does_not_show_the_address_either() {
    search_after_a_visit(&["--pretend-local"]).await;
}
