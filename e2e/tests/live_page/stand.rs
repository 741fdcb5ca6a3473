//! A relay that serves both pages, and what the tests do with them.

use e2e::{Browser, Relay, dist, small_geo, until};
use reqwest::Client;
use schemas::{Action, Event, EventBatch, Timestamp, Uuid};
use serde_json::Value;
use tempfile::TempDir;

/// A relay with a small geo database, in which there is a place in Sweden.
pub struct Stand {
    pub relay: Relay,
    options: Vec<String>,
    _folder: TempDir,
}

impl Stand {
    /// Names a place from one visit on.
    pub async fn start() -> Self {
        Self::start_with(&["--live-min-visits", "1"]).await
    }

    /// With these options besides.
    pub async fn start_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let geo = folder.path().join("small.mmdb");
        small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
        let mut options = [
            "--static-dir",
            &dist().to_string_lossy(),
            "--trusted-proxies",
            "127.0.0.1",
            "--geo-database",
            geo.to_str().unwrap(),
        ]
        .map(str::to_owned)
        .to_vec();
        options.extend(more.iter().map(|option| (*option).to_owned()));
        let borrowed: Vec<_> = options.iter().map(String::as_str).collect();
        let relay = Relay::start(&folder.path().join("relay"), &borrowed).await;
        Self { relay, options, _folder: folder }
    }

    pub async fn start_again(&mut self) {
        let options: Vec<_> = self.options.iter().map(String::as_str).collect();
        self.relay.start_again(&options).await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.relay.url())
    }

    /// Somebody in Sweden comes and presses so often.
    pub async fn presses(&self, presses: u64) {
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

/// Waits until the element says something with these words in it. Elements come and go here, so that
/// the page itself is asked: what a driver has found may be gone before it can be read.
pub async fn wait_for(browser: &Browser, selector: &str, words: &str) {
    until(&format!("{words:?} in {selector}"), async || {
        let text = text(browser, selector).await?;
        if text.contains(words) { Ok(()) } else { Err(text) }
    })
    .await;
}

/// What the element says, with single spaces.
pub async fn text(browser: &Browser, selector: &str) -> Result<String, String> {
    let selector = Value::from(selector);
    let script = format!("return document.querySelector({selector})?.innerText ?? null");
    match browser.try_run(&script).await? {
        Value::String(text) => Ok(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        _ => Err(format!("there is no {selector}")),
    }
}

/// A number that this expression gives in the page.
pub async fn number(browser: &Browser, expression: &str) -> i64 {
    browser.run(&format!("return {expression}")).await.as_i64().unwrap()
}
