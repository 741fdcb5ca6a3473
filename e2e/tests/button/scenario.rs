//! What scenarios are made of.

use e2e::{Hosting, Network, Relay, StaticHost, Stored, Weather, dist, until};
use schemas::{Action, Event, Uuid};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// A relay that serves the page too.
pub async fn relay_with_page() -> (Relay, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &page_options(&dist().to_string_lossy())).await;
    (relay, folder)
}

/// What tells a relay to serve the page.
pub fn page_options(dist: &str) -> [&str; 2] {
    ["--static-dir", dist]
}

/// The page on a static host, the relay elsewhere, and a network between them.
pub struct World {
    pub relay: Relay,
    pub network: Network,
    pub host: StaticHost,
    _folder: TempDir,
}

impl World {
    pub async fn start() -> Self {
        Self::start_with_script("").await
    }

    /// The page with a script that runs before its own.
    pub async fn start_with_script(script: &str) -> Self {
        Self::start_at("127.0.0.1", "/", script).await
    }

    /// All of it at this address of the machine, the page in this folder of its host.
    pub async fn start_at(host: &str, path: &str, script: &str) -> Self {
        Self::start_with(Hosting { host, path, script, ..Hosting::of("") }).await
    }

    /// The page as a host serves it, which is told where the relay is.
    pub async fn start_with(hosting: Hosting<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = Relay::start_at(hosting.host, folder.path(), &[]).await;
        let network = Network::start(relay.address()).await;
        let host = StaticHost::start_with(Hosting { relay: &network.url(), ..hosting }).await;
        Self { relay, network, host, _folder: folder }
    }

    /// Waits until so many requests came through, or did not, since there were `before`.
    pub async fn wait_for_requests(&self, before: usize, requests: usize) {
        until("requests of the page", async || match self.network.seen().len() - before {
            seen if seen >= requests => Ok(()),
            seen => Err(format!("{seen} of {requests}")),
        })
        .await;
    }

    /// Waits until a page has tried to deliver its ExitPage.
    pub async fn wait_for_last_request(&self) {
        until("the page's last request", async || {
            let seen = self.network.seen();
            let last = seen.iter().any(|request| request.body.contains("ExitPage"));
            if last { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }

    /// Makes the weather fair again, without any request having arrived meanwhile.
    pub fn clear_up(&self, events: usize) {
        assert_eq!(self.relay.stored().len(), events, "nothing came through");
        self.network.set(Weather::Fair);
    }
}

/// The sessions in the store, each with its events in the order of their counts.
pub fn sessions(relay: &Relay) -> BTreeMap<Uuid, Vec<Event>> {
    let mut sessions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Stored { press, .. } in relay.stored() {
        sessions.entry(press.session_id).or_default().push(press.event);
    }
    sessions
}

/// Waits until the store has so many sessions, and so many events in all.
pub async fn wait_for_events(relay: &Relay, in_sessions: usize, events: usize) -> Vec<Vec<Event>> {
    until(&format!("{events} events in the store"), async || {
        let found: Vec<_> = sessions(relay).into_values().collect();
        let total = found.iter().map(Vec::len).sum::<usize>();
        if total >= events && found.len() >= in_sessions {
            assert_eq!((found.len(), total), (in_sessions, events), "{found:?}");
            return Ok(found);
        }
        Err(format!("{} sessions, {total} events: {found:?}", found.len()))
    })
    .await
}

/// The one session in the store, once it has so many events.
pub async fn wait_for_visit(relay: &Relay, events: usize) -> Vec<Event> {
    wait_for_events(relay, 1, events).await.remove(0)
}

/// The first number in a text.
pub fn number(text: &str) -> u64 {
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// What happened, in the order of the counts, which must be 0, 1, 2 and so on.
pub fn actions(visit: &[Event]) -> Vec<Action> {
    let counts: Vec<_> = visit.iter().map(|event| event.count).collect();
    assert_eq!(counts, (0..visit.len() as u64).collect::<Vec<_>>());
    visit.iter().map(|event| event.action).collect()
}
