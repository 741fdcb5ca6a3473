//! The big screen in a real browser: numbers that move, relays that go and come back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use e2e::{Browser, Engine, Relay, dist, small_geo, until};
use reqwest::Client;
use schemas::{Action, Event, EventBatch, Timestamp, Uuid};
use tempfile::TempDir;

struct Stand {
    relay: Relay,
    options: Vec<String>,
    _folder: TempDir,
}

impl Stand {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let geo = folder.path().join("small.mmdb");
        small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
        let options = [
            "--static-dir",
            &dist().to_string_lossy(),
            "--trusted-proxies",
            "127.0.0.1",
            "--geo-database",
            geo.to_str().unwrap(),
        ]
        .map(str::to_owned);
        let borrowed: Vec<_> = options.iter().map(String::as_str).collect();
        let relay = Relay::start(&folder.path().join("relay"), &borrowed).await;
        Self { relay, options: options.to_vec(), _folder: folder }
    }

    async fn start_again(&mut self) {
        let options: Vec<_> = self.options.iter().map(String::as_str).collect();
        self.relay.start_again(&options).await;
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.relay.url())
    }

    /// Somebody in Sweden comes and presses so often.
    async fn presses(&self, presses: u64) {
        let timestamp = Timestamp::from_micros(1_741_343_626_754_240).unwrap();
        let event = |count, action| Event { timestamp, action, count };
        let mut events = vec![event(0, Action::EnterPage)];
        events.extend((1..=presses).map(|count| event(count, Action::PressButton)));
        let batch = EventBatch { session_id: Uuid::new_v4(), cohort: None, events };
        let post = Client::new().post(self.url("api/events"));
        let post = post.header("x-forwarded-for", small_geo::KNOWN_V4);
        let answer = post.body(serde_json::to_string(&batch).unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// Waits until the element says something with these words in it.
async fn wait_for(browser: &Browser, selector: &str, words: &str) {
    until(&format!("{words:?} in {selector}"), async || {
        let text = browser.text(selector).await;
        if text.contains(words) { Ok(()) } else { Err(text) }
    })
    .await;
}

async fn number(browser: &Browser, script: &str) -> i64 {
    browser.run(&format!("return {script}")).await.as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_in_one_tab_is_seen_in_another() {
    let stand = Stand::start().await;
    let browser = Browser::start(Engine::Chromium).await;
    // The short address leads to the application in its folder.
    browser.open_early(&stand.url("#live")).await;
    wait_for(&browser, "#count", "0").await;
    wait_for(&browser, "#status", "Live").await;
    let address = browser.run("return location.href").await;
    assert_eq!(address, stand.url("live/#live"));
    let live = browser.tab().await;

    browser.open_tab(&stand.url("")).await;
    let pressing = browser.tab().await;
    browser.press(3).await;
    browser.wait_until_waiting(0).await;
    browser.show(&live).await;
    wait_for(&browser, "#count", "3").await;
    wait_for(&browser, ".side", "Elsewhere").await;

    // On to the projector's page, from the button page.
    browser.show(&pressing).await;
    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, "#count", "3").await;
    assert!(
        number(&browser, "document.querySelector('#qr .ink').getAttribute('d').length").await > 500
    );
    let host = stand.relay.address().to_owned();
    assert_eq!(browser.text("#address").await, host);
    assert!(browser.text(".hint").await.contains("Phones cannot open this address"));
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn countries_are_shaded_and_in_the_table() {
    let stand = Stand::start().await;
    let browser = Browser::start(Engine::Chromium).await;
    browser.open_early(&stand.url("live/?url=https://example.org/b/#live")).await;
    wait_for(&browser, "#count", "0").await;
    stand.presses(5).await;
    wait_for(&browser, "#count", "5").await;
    wait_for(&browser, ".side", "someone near Säffle").await;
    let shaded = "document.querySelectorAll('.map .shape[data-shade=\"6\"]').length";
    assert_eq!(number(&browser, shaded).await, 1);
    let title = "return document.querySelector('.map .shape[data-shade=\"6\"] title').textContent";
    assert_eq!(browser.run(title).await, "Sweden: 5");

    browser.run("document.getElementById('table').click()").await;
    wait_for(&browser, "tbody tr", "Sweden 5 5").await;
    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, "#address", "example.org/b").await;
    let hints = number(&browser, "document.querySelectorAll('.hint').length").await;
    assert_eq!(hints, 0, "phones can open this one");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_gone_is_said_and_one_that_is_back_is_used() {
    let mut stand = Stand::start().await;
    let browser = Browser::start(Engine::Chromium).await;
    browser.open_early(&stand.url("live/#stand")).await;
    stand.presses(2).await;
    wait_for(&browser, "#count", "2").await;
    stand.relay.kill();
    wait_for(&browser, "#status", "No connection").await;
    assert_eq!(browser.text("#count").await, "2", "what is known stays");
    stand.start_again().await;
    wait_for(&browser, "#status", "Live").await;
    stand.presses(1).await;
    wait_for(&browser, "#count", "3").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_does_not_grow() {
    let stand = Stand::start().await;
    let browser = Browser::start(Engine::Chromium).await;
    browser.open_early(&stand.url("live/#stand")).await;
    wait_for(&browser, "#count", "0").await;
    let elements = "document.querySelectorAll('*').length";
    let mut most = 0;
    for round in 1..=60_u64 {
        stand.presses(20).await;
        if round == 10 {
            wait_for(&browser, "#count", "200").await;
        }
        if round <= 10 {
            most = most.max(number(&browser, elements).await);
        }
    }
    wait_for(&browser, "#count", "1,200").await;
    let pulses = number(&browser, "document.querySelectorAll('.pulse').length").await;
    assert!(pulses <= 40, "{pulses} pulses");
    let grown = number(&browser, elements).await - most;
    // At most 40 pulses of three elements, and a step more in the legend.
    assert!(grown < 140, "{grown} elements more");
    until("the pulses to end", async || {
        match number(&browser, "document.querySelectorAll('.pulse').length").await {
            0 => Ok(()),
            pulses => Err(format!("{pulses} pulses")),
        }
    })
    .await;
    browser.quit().await;
}
