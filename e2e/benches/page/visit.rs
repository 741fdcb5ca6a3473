//! One visit with the page in Chromium: a relay with an empty store, which serves the page, and a browser
//! with the screen of a phone.

use e2e::{Browser, Engine, Relay, assert_whole_visit, dist, until};
use schemas::{Action, Event};
use tempfile::TempDir;

/// CSS pixels of the phone that Lighthouse measures with.
const SCREEN: (u32, u32) = (412, 823);

/// A page that is open and has sent what it had to send so far.
pub struct Visit {
    pub browser: Browser,
    relay: Relay,
    // The relay's store; removed with it.
    _folder: TempDir,
}

impl Visit {
    pub async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dist = dist();
        let relay = Relay::start(folder.path(), &["--static-dir", &dist.to_string_lossy()]).await;
        let browser = Browser::start(Engine::Chromium).await;
        browser.set_screen(SCREEN.0, SCREEN.1).await;
        browser.make_touchable().await;
        browser.open(&relay.url()).await;
        browser.wait_until_waiting(0).await;
        Self { browser, relay, _folder: folder }
    }

    /// Leaves the page, once it has sent everything, and gives how many of its presses the relay does not
    /// have. Without any of those, the account of the visit has to be whole.
    pub async fn end(self, presses: u64) -> u64 {
        self.browser.wait_until_waiting(0).await;
        self.browser.leave().await;
        let events: Vec<Event> = until("the visit's end in the store", async || {
            let events: Vec<_> =
                self.relay.stored().iter().map(|stored| stored.press.event).collect();
            let ended = events.last().is_some_and(|event| event.action == Action::ExitPage);
            if ended { Ok(events) } else { Err(format!("{} events", events.len())) }
        })
        .await;
        let stored = events.iter().filter(|event| event.action == Action::PressButton).count();
        let lost = presses - stored as u64;
        if lost == 0 {
            assert_whole_visit(&events, presses);
        }
        self.browser.quit().await;
        lost
    }
}
