//! A visitor with a real browser, the real page and the real relay: nothing is lost, nothing is
//! counted twice, whatever the network does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use e2e::{
    Browser, Key, Portal, Relay, Setup, StaticHost, Stored, assert_whole_visit, dist, until,
};
use schemas::{Action, Event, Place, Uuid};
use serde_json::json;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// A relay that serves the page too.
async fn relay_with_page() -> (Relay, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &page_options(&dist().to_string_lossy())).await;
    (relay, folder)
}

fn page_options(dist: &str) -> [&str; 2] {
    ["--static-dir", dist]
}

/// The sessions in the store, each with its events in the order of their counts.
fn sessions(relay: &Relay) -> BTreeMap<Uuid, Vec<Event>> {
    let mut sessions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Stored { press, .. } in relay.stored() {
        sessions.entry(press.session_id).or_default().push(press.event);
    }
    sessions
}

/// Waits until the store has so many sessions, and so many events in all.
async fn wait_for_events(relay: &Relay, in_sessions: usize, events: usize) -> Vec<Vec<Event>> {
    until(&format!("{events} events in the store"), async || {
        let found: Vec<_> = sessions(relay).into_values().collect();
        let total = found.iter().map(Vec::len).sum::<usize>();
        if total >= events && found.len() >= in_sessions {
            assert_eq!((found.len(), total), (in_sessions, events), "{found:?}");
            return Ok(found);
        }
        Err(format!("{} sessions, {total} events", found.len()))
    })
    .await
}

/// The one session in the store, once it has so many events.
async fn wait_for_visit(relay: &Relay, events: usize) -> Vec<Event> {
    wait_for_events(relay, 1, events).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_is_recorded_from_its_first_event_to_its_last() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;
    browser.press(5).await;
    assert!(browser.text("#count").await.contains('5'), "the visitor sees their presses");
    browser.leave().await;

    assert_whole_visit(&wait_for_visit(&relay, 7).await, 5);
    for Stored { press, delivered_at, received_at } in relay.stored() {
        assert_eq!(press.place, Place::localhost());
        assert_eq!(press.cohort, None);
        assert_eq!(press.session_id.get_version_num(), 4);
        assert_eq!(delivered_at, None, "there is no Kafka");
        // One machine, one clock.
        let delay = received_at - press.event.timestamp.micros();
        assert!((-1_000..30_000_000).contains(&delay), "received after {delay} µs");
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presses_without_a_network_arrive_when_it_is_back() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;
    browser.wait_until_waiting(0).await;

    browser.set_offline(true).await;
    browser.press(3).await;
    browser.wait_until_waiting(3).await;
    assert_eq!(relay.stored().len(), 1, "only the EnterPage can be there");

    browser.set_offline(false).await;
    browser.wait_until_waiting(0).await;
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 6).await, 4);
    browser.quit().await;
}

/// Waits until a page has tried to deliver its ExitPage to somebody who is not the relay.
async fn wait_for_last_request(portal: &Portal) {
    until("the page's last request", async || {
        let received = portal.received();
        let last = received.iter().any(|body| body.contains("ExitPage"));
        if last { Ok(()) } else { Err(format!("{received:?}")) }
    })
    .await;
}

/// The relay is out of reach, since somebody else is at its address: the last request of a closing
/// page leaves Chromium even when it was told to be offline. The page is on a static host, for the
/// same reason as below.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_left_while_the_relay_is_gone_is_delivered_by_the_next_visit() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let host = StaticHost::start(&relay.url()).await;
    let browser = Browser::start().await;
    browser.open(&host.url()).await;
    browser.wait_until_waiting(0).await;

    relay.kill();
    let portal = Portal::start(relay.address()).await;
    browser.press(3).await;
    browser.leave().await;
    wait_for_last_request(&portal).await;
    portal.end().await;
    relay.start_again(&[]).await;
    assert_eq!(relay.stored().len(), 1, "nothing was sent again by a page that is closed");

    let first = relay.stored()[0].press.session_id;
    browser.open(&host.url()).await;
    wait_for_events(&relay, 2, 5 + 1).await;
    let mut sessions = sessions(&relay);
    assert_whole_visit(&sessions.remove(&first).unwrap(), 3);
    let (_, second) = sessions.pop_first().unwrap();
    assert_eq!((second[0].action, second[0].count), (Action::EnterPage, 0));
    browser.wait_until_waiting(0).await;
    browser.quit().await;
}

/// Here the page is on a static host, since it could not be loaded again from a relay that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_while_the_relay_is_gone_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let host = StaticHost::start(&relay.url()).await;
    let browser = Browser::start().await;
    browser.open(&host.url()).await;
    browser.wait_until_waiting(0).await;
    let first = *sessions(&relay).keys().next().unwrap();

    relay.kill();
    browser.press(2).await;
    browser.reload().await;
    browser.press(1).await;
    // Two presses and an exit of the earlier page; an enter and a press of this one.
    browser.wait_until_waiting(5).await;

    relay.start_again(&[]).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    wait_for_events(&relay, 2, 4 + 3).await;
    let mut sessions = sessions(&relay);
    assert_whole_visit(&sessions.remove(&first).unwrap(), 2);
    assert_whole_visit(&sessions.pop_first().unwrap().1, 1);
    browser.quit().await;
}

/// As when the page is put away on a phone, swiped off the screen some time later, and opened again
/// the next day.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_closed_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let host = StaticHost::start(&relay.url()).await;
    let profile = folder.path().join("profile");
    let setup = || Setup { profile: Some(&profile), ..Setup::default() };
    let browser = Browser::start_with(setup()).await;
    browser.open(&host.url()).await;
    browser.wait_until_waiting(0).await;
    let first = relay.stored()[0].press.session_id;

    relay.kill();
    let portal = Portal::start(relay.address()).await;
    browser.press(3).await;
    browser.open_tab().await;
    wait_for_last_request(&portal).await;
    browser.quit().await;
    portal.end().await;
    relay.start_again(&[]).await;
    let browser = Browser::start_with(setup()).await;
    browser.open(&host.url()).await;
    wait_for_events(&relay, 2, 5 + 1).await;
    assert_whole_visit(&sessions(&relay).remove(&first).unwrap(), 3);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_dies_amid_presses_has_them_all_in_the_end() {
    let (mut relay, _folder) = relay_with_page().await;
    let dist = dist();
    let dist = dist.to_string_lossy();
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;

    browser.start_pressing(150, 20).await;
    for (before, after) in [(20, 60), (100, 130)] {
        until("some presses to arrive", async || match relay.stored().len() {
            events if events >= before => Ok(()),
            events => Err(format!("{events} events")),
        })
        .await;
        relay.kill();
        until("presses that cannot arrive", async || match browser.text("#count").await {
            text if number(&text) >= after => Ok(()),
            text => Err(text),
        })
        .await;
        relay.start_again(&page_options(&dist)).await;
    }
    browser.wait_until_pressed().await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 152).await, 150);
    browser.quit().await;
}

/// The first number in a text.
fn number(text: &str) -> u64 {
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captive_portal_acknowledges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let host = StaticHost::start(&relay.url()).await;
    let browser = Browser::start().await;
    browser.open(&host.url()).await;
    browser.wait_until_waiting(0).await;

    relay.stop();
    let portal = Portal::start(relay.address()).await;
    browser.press(2).await;
    until("the portal to have shown all its answers", async || match portal.received().len() {
        5.. => Ok(()),
        answered => Err(format!("{answered} so far")),
    })
    .await;
    assert_eq!(browser.waiting().await.unwrap(), 2, "nothing was taken for an acknowledgement");

    portal.end().await;
    relay.start_again(&[]).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_hidden_and_shown_again_stays_one_session() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    let page = browser.tab().await;
    browser.open(&relay.url()).await;
    browser.press(1).await;

    browser.open_tab().await;
    assert_whole_visit(&wait_for_visit(&relay, 3).await, 1);

    browser.show_tab(&page).await;
    browser.press(1).await;
    browser.leave().await;
    assert_left_twice(&wait_for_visit(&relay, 6).await);
    browser.quit().await;
}

/// One session: a press, an exit, and after coming back another press and another exit.
fn assert_left_twice(visit: &[Event]) {
    let (before, after) = visit.split_at(3);
    assert_whole_visit(before, 1);
    let found: Vec<_> = after.iter().map(|event| (event.count, event.action)).collect();
    let expected = [(3, Action::EnterPage), (4, Action::PressButton), (5, Action::ExitPage)];
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_back_button_is_another_enter() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;
    browser.press(1).await;
    browser.run("window.loaded_before = true;").await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 3).await, 1);

    browser.back().await;
    browser.wait_until_ready().await;
    let restored = browser.run("return window.loaded_before === true;").await;
    assert_eq!(restored, true, "the page came from the back/forward cache, as phones do it");
    browser.press(1).await;
    browser.leave().await;
    assert_left_twice(&wait_for_visit(&relay, 6).await);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_are_two_sessions() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;
    browser.press(1).await;
    browser.open_tab().await;
    browser.open(&relay.url()).await;
    browser.press(2).await;
    browser.leave().await;
    let mut visits = wait_for_events(&relay, 2, 3 + 4).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 1);
    assert_whole_visit(&visits[1], 2);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_presses_too() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    browser.open(&relay.url()).await;
    browser.type_into_button(Key::Space).await;
    browser.type_into_button(Key::Enter).await;
    assert_eq!(number(&browser.text("#count").await), 2);
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presses_count_before_webassembly_is_there() {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start().await;
    // A phone at the edge of the hall's Wi-Fi.
    browser.set_slow(20_000).await;
    browser.open_early(&relay.url()).await;
    browser.press(3).await;
    assert!(!browser.is_ready().await, "the button was pressed before, or this shows nothing");
    browser.set_slow(0).await;
    browser.wait_until_ready().await;
    browser.press(1).await;
    assert_eq!(number(&browser.text("#count").await), 4);
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 6).await, 4);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_refuses_storage_is_a_visitor_too() {
    let (relay, _folder) = relay_with_page().await;
    let blocked = json!({"profile": {"default_content_setting_values": {"cookies": 2}}});
    let browser =
        Browser::start_with(Setup { preferences: Some(blocked), ..Setup::default() }).await;
    browser.open(&relay.url()).await;
    let refused = "try { localStorage.length; return false; } catch { return true; }";
    assert_eq!(browser.run(refused).await, true, "the storage is refused, or this shows nothing");
    browser.press(2).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

/// As on a stand's own network, where the page comes over plain HTTP from a laptop.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_a_secure_context_works() {
    let (relay, _folder) = relay_with_page().await;
    let rule = "--host-resolver-rules=MAP stand.test 127.0.0.1";
    let setup = Setup { arguments: &[rule], ..Setup::default() };
    let browser = Browser::start_with(setup).await;
    browser.open(&relay.url().replace("127.0.0.1", "stand.test")).await;
    assert_eq!(browser.run("return window.isSecureContext;").await, false);
    browser.press(2).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

/// As in a phone's lockdown mode.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_webassembly_is_told_so() {
    let (relay, _folder) = relay_with_page().await;
    let setup = Setup { arguments: &["--js-flags=--jitless"], ..Setup::default() };
    let browser = Browser::start_with(setup).await;
    browser.open_early(&relay.url()).await;
    assert_eq!(browser.run("return typeof WebAssembly;").await, "undefined");
    // What is hidden has no text.
    until("a notice", async || match browser.text("#notice").await {
        notice if notice.len() > 20 => Ok(()),
        notice => Err(notice),
    })
    .await;
    browser.quit().await;
}
