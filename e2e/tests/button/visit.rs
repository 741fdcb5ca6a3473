//! Coming, pressing, hiding, leaving, coming back, in one tab or several.

use crate::scenario::{
    World, actions, number, relay_with_page, sessions, wait_for_events, wait_for_visit,
};
use e2e::{
    Browser, Engine, Key, Setup, Stored, Weather, assert_whole_visit, in_every_engine, until,
};
use schemas::{
    Action::{EnterPage, ExitPage, PressButton},
    Place,
};

in_every_engine!(a_visit_is_recorded_from_its_first_event_to_its_last);
async fn a_visit_is_recorded_from_its_first_event_to_its_last(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.press(5).await;
    assert!(browser.text("#count").await.contains('5'), "the visitor sees their presses");
    browser.leave().await;

    assert_whole_visit(&wait_for_visit(&relay, 7).await, 5);
    for Stored { press, delivered_at, received_at } in relay.stored() {
        assert_eq!(*press.place, Place::localhost());
        assert_eq!(press.cohort, None);
        assert_eq!(press.session_id.get_version_num(), 4);
        assert_eq!(delivered_at, None, "there is no Kafka");
        // One machine, one clock.
        let delay = received_at - press.event.timestamp.micros();
        assert!((-1_000..30_000_000).contains(&delay), "received after {delay} µs");
    }
    browser.quit().await;
}

in_every_engine!(a_page_that_is_hidden_and_shown_again_stays_one_session);
async fn a_page_that_is_hidden_and_shown_again_stays_one_session(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.press(1).await;

    let page = browser.hide().await;
    assert_whole_visit(&wait_for_visit(&relay, 3).await, 1);

    browser.show(&page).await;
    browser.press(1).await;
    browser.leave().await;
    let visit = wait_for_visit(&relay, 6).await;
    assert_eq!(actions(&visit), LEFT_TWICE);
    browser.quit().await;
}

const LEFT_TWICE: [schemas::Action; 6] =
    [EnterPage, PressButton, ExitPage, EnterPage, PressButton, ExitPage];

in_every_engine!(the_back_button_is_another_enter);
/// All three engines keep the page in their back/forward cache, as phones do it, also while they are
/// driven. Firefox does not if its driver has clicked on the page, so here the page clicks.
async fn the_back_button_is_another_enter(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.start_pressing(1, 1).await;
    browser.wait_until_pressed().await;
    let listen = "window.restored = 'not yet'; \
                  addEventListener('pageshow', (event) => { window.restored = event.persisted; });";
    browser.run(listen).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 3).await, 1);

    browser.back().await;
    browser.wait_until_ready().await;
    let restored = browser.run("return window.restored;").await;
    assert_eq!(restored, true, "pageshow says that the page came from the back/forward cache");
    browser.press(1).await;
    browser.leave().await;
    assert_eq!(actions(&wait_for_visit(&relay, 6).await), LEFT_TWICE);
    browser.quit().await;
}

in_every_engine!(a_look_at_the_map_keeps_the_presses_and_the_session);
/// Back by the browser's button, by the map's link, and after an address that was typed. Here too the page
/// clicks, for Firefox.
async fn a_look_at_the_map_keeps_the_presses_and_the_session(engine: Engine) {
    const TO_MAP: &str = "document.querySelector('footer a').click()";
    const TO_BUTTON: &str = "document.getElementById('back').click()";
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&format!("{}/?cohort=7", relay.url())).await;
    browser.start_pressing(7, 1).await;
    browser.wait_until_pressed().await;
    browser.wait_until_waiting(0).await;
    let typed = "location.hash = '#live'";
    for (visits, way) in [TO_MAP, TO_MAP, typed].into_iter().enumerate() {
        browser.run(way).await;
        wait_for_map(&browser, &relay.url()).await;
        if visits == 1 {
            browser.run(TO_BUTTON).await;
        } else {
            browser.back().await;
        }
        browser.wait_until_ready().await;
        let address = browser.run("return location.href").await;
        assert_eq!(address, format!("{}/?cohort=7", relay.url()));
        assert_eq!(number(&browser.text("#count").await), 7 + visits as u64);
        browser.run("document.getElementById('button').click()").await;
        browser.wait_until_waiting(0).await;
    }
    browser.leave().await;
    // Entered four times, left four times, and pressed ten times.
    let visit = wait_for_visit(&relay, 18).await;
    assert_eq!(visit.iter().filter(|event| event.action == EnterPage).count(), 4);
    assert_eq!(sessions(&relay).len(), 1);
    browser.quit().await;
}

in_every_engine!(a_map_that_was_not_reached_from_the_button_leads_to_it);
async fn a_map_that_was_not_reached_from_the_button_leads_to_it(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    for typed in ["#live", "live/#live"] {
        browser.open_early("about:blank").await;
        browser.open_early(&format!("{}/{typed}", relay.url())).await;
        wait_for_map(&browser, &relay.url()).await;
        browser.run("document.getElementById('back').click()").await;
        browser.wait_until_ready().await;
        assert_eq!(browser.run("return location.href").await, format!("{}/", relay.url()));
    }
    browser.quit().await;
}

async fn wait_for_map(browser: &Browser, relay: &str) {
    until("the map", async || {
        let map = "return location.pathname === '/live/' && !!document.getElementById('back')";
        match browser.try_run(map).await? {
            serde_json::Value::Bool(true) => Ok(()),
            _ => Err(format!("it is not at {relay}/live/")),
        }
    })
    .await;
}

in_every_engine!(
    two_tabs_are_two_sessions,
    webkit = "its driver opens tabs in the background and cannot bring them to the front"
);
async fn two_tabs_are_two_sessions(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.press(1).await;
    browser.open_tab(&relay.url()).await;
    browser.press(2).await;
    browser.leave().await;
    let mut visits = wait_for_events(&relay, 2, 3 + 4).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 1);
    assert_whole_visit(&visits[1], 2);
    browser.quit().await;
}

in_every_engine!(two_windows_are_two_sessions);
/// Both are in view, so neither may take the other's events for left behind while the relay is gone.
async fn two_windows_are_two_sessions(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let first = browser.tab().await;
    browser.open_window(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    assert_eq!(sessions(&world.relay).len(), 2);

    world.network.set(Weather::Cut);
    browser.press(2).await;
    let second = browser.tab().await;
    browser.use_window(&first).await;
    browser.press(3).await;
    browser.wait_until_waiting(3).await;
    browser.use_window(&second).await;
    browser.wait_until_waiting(2).await;
    world.clear_up(2);
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    browser.use_window(&first).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    let mut visits = wait_for_events(&world.relay, 2, 4 + 5).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 2);
    assert_whole_visit(&visits[1], 3);
    browser.quit().await;
}

in_every_engine!(a_duplicated_tab_is_a_session_of_its_own);
/// A link that keeps its opener copies the tab's session storage, as "Duplicate tab" does, for which
/// drivers have no command.
async fn a_duplicated_tab_is_a_session_of_its_own(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.press(1).await;
    let first = browser.tab().await;
    let link = "sessionStorage.setItem('copied', 'yes'); \
                const link = document.createElement('a'); \
                Object.assign(link, { href: location.href, target: '_blank', rel: 'opener' }); \
                Object.assign(link, { id: 'again', textContent: 'once more' }); \
                document.body.prepend(link);";
    browser.run(link).await;
    browser.click("#again").await;
    browser.show_opened(&first).await;
    let copied = "return sessionStorage.getItem('copied');";
    assert_eq!(browser.run(copied).await, "yes", "it is a duplicate, or this shows nothing");
    browser.press(2).await;
    browser.leave().await;
    if !engine.opens_in_front() {
        browser.show(&first).await;
        browser.leave().await;
    }
    let mut visits = wait_for_events(&relay, 2, 3 + 4).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 1);
    assert_whole_visit(&visits[1], 2);
    browser.quit().await;
}

in_every_engine!(a_reload_is_another_session);
async fn a_reload_is_another_session(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.press(2).await;
    browser.reload().await;
    assert_eq!(number(&browser.text("#count").await), 0, "nobody has pressed on this page");
    browser.press(1).await;
    browser.leave().await;
    let mut visits = wait_for_events(&relay, 2, 4 + 3).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 1);
    assert_whole_visit(&visits[1], 2);
    browser.quit().await;
}

in_every_engine!(
    a_browser_that_is_closed_remembers,
    webkit = "MiniBrowser stores nothing beyond its end while it is driven"
);
/// As when the page is put away on a phone, swiped off the screen some time later, and opened again
/// the next day.
async fn a_browser_that_is_closed_remembers(engine: Engine) {
    let world = World::start().await;
    let profile = tempfile::tempdir().unwrap();
    let setup = || Setup { profile: Some(profile.path()), ..Setup::default() };
    let browser = Browser::start_with(engine, setup()).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let first = world.relay.stored()[0].press.session_id;

    world.network.set(Weather::Cut);
    browser.press(3).await;
    browser.hide().await;
    world.wait_for_last_request().await;
    browser.quit().await;
    world.clear_up(1);
    let browser = Browser::start_with(engine, setup()).await;
    browser.open(&world.host.url()).await;
    wait_for_events(&world.relay, 2, 5 + 1).await;
    assert_whole_visit(&sessions(&world.relay).remove(&first).unwrap(), 3);
    browser.quit().await;
}

in_every_engine!(a_tab_that_is_closed_is_delivered_by_the_next_visit_at_the_latest);
/// At once in most cases; but Firefox ends the last request of some tabs with them.
async fn a_tab_that_is_closed_is_delivered_by_the_next_visit_at_the_latest(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(3).await;
    browser.close_tab().await;
    browser.open_window(&world.host.url()).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    let mut visits = wait_for_events(&world.relay, 2, 5 + 2).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[1], 3);
    assert_eq!(actions(&visits[0]), [EnterPage, PressButton]);
    browser.quit().await;
}

in_every_engine!(the_keyboard_presses_too);
async fn the_keyboard_presses_too(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    browser.type_into_button(Key::Space).await;
    browser.type_into_button(Key::Enter).await;
    assert_eq!(number(&browser.text("#count").await), 2);
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

in_every_engine!(key_that_is_held_is_one_press_and_needs_no_focus);
/// Before the application is there and afterwards. Drivers repeat no keys and press none without a focus, so
/// the events are made here; whether the browser would press by itself is in `defaultPrevented`.
async fn key_that_is_held_is_one_press_and_needs_no_focus(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    world.host.send_webassembly(false);
    browser.open_early(&world.host.url()).await;
    let keys = "const key = (target, key, repeat) => !target.dispatchEvent(new KeyboardEvent( \
                    'keydown', { key, repeat, bubbles: true, cancelable: true })); \
                const button = document.getElementById('button'); \
                document.activeElement.blur(); \
                return [key(button, 'Enter', false), key(button, 'Enter', true), \
                        key(button, ' ', true), key(document.body, 'Enter', false), \
                        key(document.body, 'Enter', true), key(document.body, ' ', false), \
                        key(document.body, 'a', false), \
                        key(document.getElementById('about'), 'Enter', false)];";
    let prevented = serde_json::json!([false, true, true, true, true, true, false, false]);
    assert_eq!(browser.run(keys).await, prevented);
    assert_eq!(number(&browser.text("#count").await), 2);
    world.host.send_webassembly(true);
    browser.wait_until_ready().await;
    assert_eq!(browser.run(keys).await, prevented);
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 6).await, 4);
    browser.quit().await;
}

in_every_engine!(presses_count_before_webassembly_is_there);
/// A phone at the edge of the hall's Wi-Fi.
async fn presses_count_before_webassembly_is_there(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    world.host.send_webassembly(false);
    browser.open_early(&world.host.url()).await;
    browser.press(3).await;
    assert_eq!(number(&browser.text("#count").await), 3);
    assert!(!browser.is_ready().await, "the button was pressed before, or this shows nothing");
    world.host.send_webassembly(true);
    browser.wait_until_ready().await;
    browser.press(1).await;
    assert_eq!(number(&browser.text("#count").await), 4);
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 6).await, 4);
    browser.quit().await;
}

in_every_engine!(a_page_left_before_webassembly_is_there_is_delivered_by_the_next_visit);
/// Its presses are on their own until another page makes a session of them.
async fn a_page_left_before_webassembly_is_there_is_delivered_by_the_next_visit(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    world.host.send_webassembly(false);
    browser.open_early(&world.host.url()).await;
    browser.press(3).await;
    browser.leave().await;
    assert_eq!(world.network.seen().len(), 0);
    world.host.send_webassembly(true);
    browser.open(&world.host.url()).await;
    wait_for_events(&world.relay, 2, 5 + 1).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    let mut visits = wait_for_events(&world.relay, 2, 5 + 2).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 0);
    assert_whole_visit(&visits[1], 3);
    browser.quit().await;
}
