//! The address of a visitor is in nothing that the relay writes or says: not at the most talkative
//! log level in either format, not in an error, a metric or an answer, not in the store, not in what
//! the tools print, and not in what a crash leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod crash;
mod visit;

use e2e::{
    Relay,
    addresses::{PEER, assert_no_address_in, assert_no_address_under, forwarded_for},
    button, small_geo,
};
use std::{path::Path, process::Command};
use visit::Visitor;

async fn search_after_a_visit(host: &str, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let relay_folder = folder.path().join("relay");
    let mut all = vec!["--log", "trace", "--geo-database", geo.to_str().unwrap()];
    all.extend(options);
    let mut relay = Relay::start_at(host, &relay_folder, &all).await;
    Visitor::of(&relay).does_everything().await;
    // Some are refused as too much of one session.
    let rows = relay.stored().len();
    assert!(rows >= forwarded_for().len(), "each visitor is in the store: {rows}");

    // While it runs there is a write-ahead log; after a kill it stays.
    assert!(relay.store_file().with_extension("sqlite-wal").is_file());
    assert_no_address_under(&relay_folder);
    relay.kill();
    assert!(assert_no_address_under(&relay_folder) > 10_000);

    // A start that fails may say why, but not who was there.
    relay.start_again(&all).await;
    Visitor::of(&relay).does_everything().await;
    tools_say_nothing(&relay.store_file());
    relay.stop();
    assert!(assert_no_address_under(&relay_folder) > 10_000);
    // The log is where it was searched.
    assert!(std::fs::read_to_string(relay.log_file()).unwrap().contains("stopped"));
}

/// What is printed for people about the store.
fn tools_say_nothing(store: &Path) {
    let store = store.to_str().unwrap();
    for arguments in [&["audit", "--store", store][..], &["audit", "--store", store, "--json"]] {
        let output = Command::new(button()).args(arguments).output().unwrap();
        assert!(output.stdout.len() > 50, "{output:?}");
        assert_no_address_in("an audit", &output.stdout);
        assert_no_address_in("an audit's log", &output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_a_trusted_proxy_reports_are_forgotten() {
    search_after_a_visit("127.0.0.1", &["--trusted-proxies", "127.0.0.0/8"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_headers_that_are_not_believed_are_forgotten() {
    search_after_a_visit("127.0.0.1", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_place_does_not_show_the_address_either() {
    search_after_a_visit("127.0.0.1", &["--pretend-local"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_json_has_no_address_either() {
    search_after_a_visit("127.0.0.1", &["--trusted-proxies=127.0.0.0/8", "--log-format=json"])
        .await;
}

/// To a relay that listens for both kinds of addresses, an IPv4 peer is `::ffff:127.0.77.201`.
#[tokio::test(flavor = "multi_thread")]
async fn an_ipv4_peer_in_the_dress_of_ipv6_is_forgotten() {
    search_after_a_visit("[::]", &["--trusted-proxies", "127.0.0.0/8"]).await;
    assert_eq!(PEER[0], 127, "a relay on all interfaces is reached by this one's name");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_the_other_header_are_forgotten() {
    let options = ["--trusted-proxies=127.0.0.0/8", "--forwarded-header=forwarded"];
    search_after_a_visit("127.0.0.1", &options).await;
}
