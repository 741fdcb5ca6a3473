//! Networks that come and go, and others who answer in the relay's place.
//!
//! Each way in which `fetch` can end is in all three engines once:
//!
//! | `fetch` | scenario |
//! |---|---|
//! | the connection breaks | `presses_without_a_network_arrive_when_it_is_back` |
//! | the connection is refused, or a kept one is reset | `a_relay_that_dies_amid_presses_has_them_all_in_the_end` |
//! | no answer, `AbortController` | `a_relay_that_hangs_is_asked_again` |
//! | an answer that breaks off | `an_answer_that_breaks_off_acknowledges_nothing` |
//! | a redirect, an answer of another server | `a_captive_portal_acknowledges_nothing` |
//! | `keepalive` fails after the page is gone | `a_page_left_without_a_network_is_delivered_by_the_next_visit` |
//! | a page that is left with a request under way | `a_page_left_while_the_relay_hangs_is_delivered_by_the_next_visit` |
//! | a reload with a request that failed | `a_reload_while_the_relay_is_gone_loses_nothing` |
//!
//! Other combinations, and how long the page waits, are logic and run in Chromium.

use crate::scenario::{
    World, number, page_options, relay_with_page, sessions, wait_for_events, wait_for_visit,
};
use e2e::{
    Browser, Engine, SHORT_TIMEOUTS, Weather, assert_whole_visit, dist, in_chromium,
    in_every_engine, is_long, until,
};
use schemas::Action;
use std::time::{Duration, Instant};

in_every_engine!(presses_without_a_network_arrive_when_it_is_back);
async fn presses_without_a_network_arrive_when_it_is_back(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    let before = world.network.seen().len();
    world.network.set(Weather::Cut);
    browser.press(3).await;
    world.wait_for_requests(before, 2).await;
    browser.wait_until_waiting(3).await;

    world.clear_up(1);
    browser.wait_until_waiting(0).await;
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 6).await, 4);
    browser.quit().await;
}

in_chromium!(
    a_network_that_is_cut_for_minutes_loses_nothing,
    "backoff.rs proves the pauses (`grows_to_its_ceiling_and_starts_again_after_a_success`)"
);
/// Three minutes in the long form, with presses all the while; the page delivers by itself within its longest
/// pause.
async fn a_network_that_is_cut_for_minutes_loses_nothing(engine: Engine) {
    let cut = Duration::from_secs(if is_long() { 180 } else { 4 });
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let before = world.network.seen().len();
    world.network.set(Weather::Cut);
    let since = Instant::now();
    let mut presses = 0;
    while since.elapsed() < cut {
        browser.press(1).await;
        presses += 1;
        browser.wait_until_waiting(presses).await;
        tokio::time::sleep(cut / 40).await;
    }
    let attempts = world.network.seen().len() - before;
    // Half a second, and twice as long each time, less a part by chance; a press waits for two at most.
    let most = if is_long() { 100 } else { 10 };
    assert!((2..=most).contains(&attempts), "{attempts} attempts in {cut:?}");
    world.clear_up(1);
    let since = Instant::now();
    while browser.waiting().await != Ok(0) {
        assert!(since.elapsed() < Duration::from_secs(40), "the longest pause is half a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    browser.leave().await;
    let events = 1 + presses as usize + 1;
    assert_whole_visit(&wait_for_visit(&world.relay, events).await, presses);
    browser.quit().await;
}

in_chromium!(
    a_press_after_an_outage_is_sent_at_once,
    "outbox.rs proves it (`press_after_an_outage_is_sent_at_once`)"
);
/// Not at the end of a pause that has become long, and not more often than every two seconds.
async fn a_press_after_an_outage_is_sent_at_once(engine: Engine) {
    let world = World::start_with_script("Math.random = () => 1;").await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let before = world.network.seen().len();
    world.network.set(Weather::Cut);
    browser.press(1).await;
    // After 0.5 s, 1 s, 2 s and 4 s; the next pause has 8 s.
    world.wait_for_requests(before, 5).await;
    world.clear_up(1);
    browser.press(3).await;
    browser.wait_until_waiting(0).await;
    let seen = world.network.seen();
    let pause = seen[before + 5].at - seen[before + 4].at;
    // A timer may be some milliseconds early.
    assert!(pause > Duration::from_millis(1900), "it came back after {pause:?}");
    assert!(pause < Duration::from_millis(6000), "it came back after {pause:?}");
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 6).await, 4);
    browser.quit().await;
}

/// Ends the page's back-off, as a browser does that joins a network.
async fn retry_at_once(browser: &Browser) {
    browser.run("dispatchEvent(new Event('online'));").await;
}

/// The network breaks as well: both browsers reach the machine that they are on without one.
async fn go_offline(world: &World, browser: &Browser) {
    world.network.set(Weather::Cut);
    browser.set_offline(true).await;
    until("the page to know", async || match browser.run("return navigator.onLine;").await {
        serde_json::Value::Bool(false) => Ok(()),
        online => Err(online.to_string()),
    })
    .await;
}

in_every_engine!(
    a_browser_that_says_it_is_offline_sends_when_it_is_online,
    webkit = "its driver has no command for it"
);
async fn a_browser_that_says_it_is_offline_sends_when_it_is_online(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    go_offline(&world, &browser).await;
    browser.press(3).await;
    browser.wait_until_waiting(3).await;

    world.clear_up(1);
    browser.set_offline(false).await;
    browser.wait_until_waiting(0).await;
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 6).await, 4);
    browser.quit().await;
}

in_every_engine!(
    the_way_to_the_map_is_not_taken_offline,
    webkit = "its driver has no command for it"
);
/// The browser would show its own error, and the visitor would have lost the button.
async fn the_way_to_the_map_is_not_taken_offline(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    go_offline(&world, &browser).await;
    let go = "document.querySelector('footer a').click()";
    browser.run(go).await;
    until("the reason", async || match browser.text("#notice").await {
        notice if notice.starts_with("The map needs a network.") => Ok(()),
        notice => Err(notice),
    })
    .await;
    assert_eq!(browser.run("return location.href").await, world.host.url());
    browser.press(1).await;
    browser.wait_until_waiting_at_least(1).await;

    world.network.set(Weather::Fair);
    browser.set_offline(false).await;
    browser.wait_until_waiting(0).await;
    until("the notice to go", async || match browser.text("#notice").await {
        notice if notice.is_empty() => Ok(()),
        notice => Err(notice),
    })
    .await;
    browser.run(go).await;
    until("the map", async || match browser.run("return location.pathname").await {
        path if path.as_str().is_some_and(|path| path.starts_with("/live/")) => Ok(()),
        path => Err(path.to_string()),
    })
    .await;
    browser.quit().await;
}

in_every_engine!(a_page_left_without_a_network_is_delivered_by_the_next_visit);
async fn a_page_left_without_a_network_is_delivered_by_the_next_visit(engine: Engine) {
    left_in(Weather::Cut, engine).await;
}

in_every_engine!(a_page_left_while_the_relay_hangs_is_delivered_by_the_next_visit);
async fn a_page_left_while_the_relay_hangs_is_delivered_by_the_next_visit(engine: Engine) {
    left_in(Weather::Silent, engine).await;
}

in_chromium!(
    a_page_left_in_a_captive_portal_is_delivered_by_the_next_visit,
    "outbox.rs proves it (`CaptivePortal` in `every_event_is_recorded_with_its_exact_content`)"
);
async fn a_page_left_in_a_captive_portal_is_delivered_by_the_next_visit(engine: Engine) {
    left_in(Weather::CaptivePortal, engine).await;
}

async fn left_in(weather: Weather, engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    world.network.set(weather);
    browser.press(3).await;
    browser.leave().await;
    world.wait_for_last_request().await;
    world.clear_up(1);

    let first = world.relay.stored()[0].press.session_id;
    browser.open(&world.host.url()).await;
    wait_for_events(&world.relay, 2, 5 + 1).await;
    let mut sessions = sessions(&world.relay);
    assert_whole_visit(&sessions.remove(&first).unwrap(), 3);
    let (_, second) = sessions.pop_first().unwrap();
    assert_eq!((second[0].action, second[0].count), (Action::EnterPage, 0));
    browser.wait_until_waiting(0).await;
    browser.quit().await;
}

in_every_engine!(a_reload_while_the_relay_is_gone_loses_nothing);
async fn a_reload_while_the_relay_is_gone_loses_nothing(engine: Engine) {
    let mut world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let first = *sessions(&world.relay).keys().next().unwrap();

    world.relay.kill();
    browser.press(2).await;
    browser.reload().await;
    browser.press(1).await;
    // Two presses and an exit of the earlier page; an enter and a press of this one.
    browser.wait_until_waiting(5).await;

    world.relay.start_again(&[]).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    wait_for_events(&world.relay, 2, 4 + 3).await;
    let mut sessions = sessions(&world.relay);
    assert_whole_visit(&sessions.remove(&first).unwrap(), 2);
    assert_whole_visit(&sessions.pop_first().unwrap().1, 1);
    browser.quit().await;
}

in_every_engine!(a_relay_that_dies_amid_presses_has_them_all_in_the_end);
async fn a_relay_that_dies_amid_presses_has_them_all_in_the_end(engine: Engine) {
    let (mut relay, _folder) = relay_with_page().await;
    let dist = dist();
    let dist = dist.to_string_lossy();
    let browser = Browser::start(engine).await;
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

in_every_engine!(a_captive_portal_acknowledges_nothing);
/// Nor does the page follow a redirect, or ask for permission first.
async fn a_captive_portal_acknowledges_nothing(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    let before = world.network.seen().len();
    world.network.set(Weather::CaptivePortal);
    browser.press(2).await;
    until("its four kinds of answers, and another", async || {
        retry_at_once(&browser).await;
        match world.network.seen().len() - before {
            seen if seen >= 5 => Ok(()),
            seen => Err(format!("{seen} requests")),
        }
    })
    .await;
    browser.wait_until_waiting(2).await;

    world.clear_up(1);
    until("nothing to wait", async || {
        retry_at_once(&browser).await;
        match browser.waiting().await? {
            0 => Ok(()),
            waiting => Err(format!("{waiting} are waiting")),
        }
    })
    .await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 4).await, 2);
    for request in world.network.seen() {
        assert_eq!(request.what, "POST /api/events");
    }
    browser.quit().await;
}

in_chromium!(
    whoever_asks_to_come_back_later_is_left_in_peace,
    "outbox.rs proves it (`waits_as_the_relay_asks_but_not_when_the_network_is_back`)"
);
async fn whoever_asks_to_come_back_later_is_left_in_peace(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    // Longer than the page would wait by itself after so few failures.
    let asked = Duration::from_secs(2);
    let before = world.network.seen().len();
    world.network.set(Weather::Busy(2));
    browser.press(1).await;
    world.wait_for_requests(before, 1).await;
    browser.press(2).await;
    world.wait_for_requests(before, 2).await;
    world.clear_up(1);
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 5).await, 3);
    let seen = world.network.seen();
    for pair in seen[before..before + 3].windows(2) {
        let pause = pair[1].at - pair[0].at;
        // A timer may be some milliseconds early.
        assert!(pause > asked - Duration::from_millis(50), "it came back after {pause:?}");
    }
    browser.quit().await;
}

in_every_engine!(a_relay_that_hangs_is_asked_again);
/// After the page's own timeout, which is longer than the 5 s that the relay waits for Kafka.
async fn a_relay_that_hangs_is_asked_again(engine: Engine) {
    let world = World::start_with_script(SHORT_TIMEOUTS).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    let before = world.network.seen().len();
    world.network.set(Weather::Silent);
    browser.press(2).await;
    // The second one comes when the page has given the first one up.
    world.wait_for_requests(before, 1).await;
    world.clear_up(1);
    browser.wait_until_waiting(0).await;
    let timeouts = browser.run("return timeouts").await;
    let timeouts = timeouts.as_array().unwrap().iter().map(|millis| millis.as_f64().unwrap());
    assert!(timeouts.clone().any(|millis| millis > 5000.0), "{:?}", timeouts.collect::<Vec<_>>());
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 5).await, 3);
    browser.quit().await;
}

in_every_engine!(an_answer_that_breaks_off_acknowledges_nothing);
async fn an_answer_that_breaks_off_acknowledges_nothing(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;

    for (weather, presses) in [(Weather::CutMidAnswer, 1), (Weather::AnswerLost, 2)] {
        let before = world.network.seen().len();
        world.network.set(weather);
        browser.press(1).await;
        world.wait_for_requests(before, 2).await;
        browser.wait_until_waiting(1).await;
        assert_eq!(world.relay.stored().len(), 1 + presses, "the relay has it");
        world.network.set(Weather::Fair);
        browser.wait_until_waiting(0).await;
    }
    world.network.set(Weather::AnswerLost);
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 5).await, 3);
    world.network.set(Weather::Fair);

    // The next visit sends once more what is there already.
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    wait_for_events(&world.relay, 2, 5 + 1).await;
    browser.quit().await;
}
