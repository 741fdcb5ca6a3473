//! What is around the page: its storage, its clock, its host, and what its browser lacks.

use crate::scenario::{World, actions, relay_with_page, sessions, wait_for_events, wait_for_visit};
use e2e::{
    Browser, Engine, Setup, Weather, WebServer, assert_whole_visit, in_chromium, in_every_engine,
    lan_address, until,
};
use schemas::{
    Action::{EnterPage, ExitPage, PressButton},
    Event,
};
use std::time::{SystemTime, UNIX_EPOCH};

in_every_engine!(
    a_browser_that_refuses_storage_is_a_visitor_too,
    webkit = "MiniBrowser has no setting for it; a script refuses in the scenario below"
);
async fn a_browser_that_refuses_storage_is_a_visitor_too(engine: Engine) {
    let setup = Setup { refuses_storage: true, ..Setup::default() };
    let browser = Browser::start_with(engine, setup).await;
    without_storage("", &browser).await;
    browser.quit().await;
}

in_every_engine!(page_of_the_relay_works_behind_a_proxy_that_rewrites_the_host);
/// As nginx does by itself. Over plain HTTP, browsers send no `Sec-Fetch-Site`.
async fn page_of_the_relay_works_behind_a_proxy_that_rewrites_the_host(engine: Engine) {
    if !WebServer::Nginx.is_there() {
        return;
    }
    let (relay, folder) = relay_with_page().await;
    let address = format!("{}:{}", lan_address(), local_stack::free_port().unwrap());
    let configuration = format!(
        "access_log off; server {{ listen {address}; location / {{ proxy_pass {}; }} }}",
        relay.url()
    );
    let _nginx = WebServer::Nginx.start(folder.path(), &configuration, &address).await;
    let browser = Browser::start(engine).await;
    browser.open(&format!("http://{address}/")).await;
    browser.press(2).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&relay, 4).await, 2);
    browser.quit().await;
}

in_every_engine!(a_page_that_may_not_store_is_a_visit_too);
/// As a page in a frame without an origin has it.
async fn a_page_that_may_not_store_is_a_visit_too(engine: Engine) {
    let refuse = "Object.defineProperty(window, 'localStorage', { \
                      get() { throw new DOMException('The operation is insecure.', 'SecurityError'); } \
                  });";
    let browser = Browser::start(engine).await;
    without_storage(refuse, &browser).await;
    browser.quit().await;
}

async fn without_storage(script: &str, browser: &Browser) {
    let world = World::start_with_script(script).await;
    browser.open(&world.host.url()).await;
    let refused = "try { return localStorage === null; } catch { return true; }";
    assert_eq!(browser.run(refused).await, true, "the storage is refused, or this shows nothing");
    world.network.set(Weather::Cut);
    browser.press(2).await;
    browser.wait_until_waiting_at_least(2).await;
    world.network.set(Weather::Fair);
    browser.wait_until_waiting(0).await;
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 5).await, 3);
}

in_every_engine!(a_storage_that_is_full_loses_nothing);
/// Full to the last character, by others on the same host. What waits is kept in memory, and stored
/// as soon as there is room.
async fn a_storage_that_is_full_loses_nothing(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let fill = "let size = 1 << 22, n = 0; \
                while (size >= 1) { \
                    try { localStorage.setItem('other.' + n, 'x'.repeat(size)); n += 1; } \
                    catch { size = Math.floor(size / 2); } \
                } \
                try { localStorage.setItem('y', 'yy'); return false; } catch { return true; }";
    assert_eq!(browser.run(fill).await, true, "it is full, or this shows nothing");

    world.network.set(Weather::Cut);
    browser.press(3).await;
    browser.wait_until_waiting(3).await;
    world.clear_up(1);
    browser.wait_until_waiting(0).await;

    world.network.set(Weather::Cut);
    browser.press(1).await;
    browser.wait_until_waiting(1).await;
    let others = "for (const key of Object.keys(localStorage)) \
                      if (key.startsWith('other.')) localStorage.removeItem(key);";
    browser.run(others).await;
    browser.leave().await;
    world.wait_for_last_request().await;
    world.clear_up(4);
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let mut visits = wait_for_events(&world.relay, 2, 6 + 1).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[1], 4);
    browser.quit().await;
}

/// A clock that a test can set: `setClock(hours)` from the true time.
const CLOCK: &str = "\
    (() => { \
        const True = Date; \
        let shift = 0; \
        window.setClock = (hours) => { shift = hours * 3600e3; }; \
        window.Date = class extends True { \
            constructor(...parts) { if (parts.length) super(...parts); else super(Date.now()); } \
            static now() { return True.now() + shift; } \
        }; \
    })();";

const YEAR: i64 = 365 * 24;

/// How many hours after the true time it happened.
fn hours_off(event: &Event) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as f64;
    (event.timestamp.micros() as f64 - now) / 3600e6
}

async fn visit_with_a_clock(hours: i64, engine: Engine) {
    let world = World::start_with_script(&format!("{CLOCK} setClock({hours});")).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(2).await;
    browser.wait_until_waiting(0).await;
    world.network.set(Weather::Cut);
    browser.press(1).await;
    browser.leave().await;
    world.wait_for_last_request().await;
    world.network.set(Weather::Fair);
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let mut visits = wait_for_events(&world.relay, 2, 5 + 1).await;
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[1], 3);
    for event in visits.concat() {
        assert!((hours_off(&event) - hours as f64).abs() < 1.0, "it says what its clock says");
    }
    browser.quit().await;
}

in_chromium!(
    a_clock_that_is_years_behind_is_believed,
    "outbox.rs proves it (`every_event_is_recorded_with_its_exact_content`, in 1970)"
);
async fn a_clock_that_is_years_behind_is_believed(engine: Engine) {
    visit_with_a_clock(-12 * YEAR, engine).await;
}

in_chromium!(
    a_clock_that_is_years_ahead_is_believed,
    "timestamp.rs proves it (`timestamp_is_written_as_by_chrono_and_read_back`, to the year 9999)"
);
async fn a_clock_that_is_years_ahead_is_believed(engine: Engine) {
    visit_with_a_clock(12 * YEAR, engine).await;
}

in_chromium!(
    a_clock_that_is_set_right_holds_nothing_up,
    "outbox.rs proves it (`a_clock_that_is_set_back_does_not_make_it_wait_for_years`)"
);
/// A phone that finds the network, and with it the time, while events wait for their next attempt.
async fn a_clock_that_is_set_right_holds_nothing_up(engine: Engine) {
    let world = World::start_with_script(&format!("{CLOCK} setClock({});", 3 * YEAR)).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let before = world.network.seen().len();
    world.network.set(Weather::Busy(1));
    browser.press(2).await;
    world.wait_for_requests(before, 1).await;
    browser.wait_until_waiting(2).await;
    browser.run("setClock(0);").await;
    world.clear_up(1);
    browser.wait_until_waiting(0).await;
    browser.press(1).await;
    browser.leave().await;
    let visit = wait_for_visit(&world.relay, 5).await;
    assert_eq!(actions(&visit), [EnterPage, PressButton, PressButton, PressButton, ExitPage]);
    assert!(hours_off(&visit[2]) > (3 * YEAR - 1) as f64, "what was recorded stays as it was");
    assert!(hours_off(&visit[3]).abs() < 1.0);
    browser.quit().await;
}

in_every_engine!(a_page_in_a_folder_of_another_host_needs_no_permission);
/// Every request is a simple one, the last one of a page too: the browser asks no permission first.
async fn a_page_in_a_folder_of_another_host_needs_no_permission(engine: Engine) {
    let world = World::start_at("127.0.0.1", "/events/stand-7/", "").await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(2).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 4).await, 2);
    let seen = world.network.seen();
    assert!(seen.iter().any(|request| request.body.contains("ExitPage")));
    for request in seen {
        assert_eq!(request.what, "POST /api/events", "there is no OPTIONS");
        let origin = world.host.url().replace("/events/stand-7/", "\r\n");
        let headers = format!("{}\r\n", request.headers);
        assert!(headers.contains(&format!("origin: {origin}")), "it is another one: {headers}");
        assert!(!headers.contains("\ncookie:"), "{headers}");
    }
    browser.quit().await;
}

in_every_engine!(a_page_without_a_secure_context_works);
/// As on a stand's own network, where the page comes over plain HTTP from a laptop. Without Web
/// Locks, pages know otherwise what others left behind, so both ways of leaving are in it.
async fn a_page_without_a_secure_context_works(engine: Engine) {
    let world = World::start_at(&insecure_address(), "/", "").await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    assert_eq!(browser.run("return window.isSecureContext;").await, false);
    assert_eq!(browser.run("return typeof navigator.locks;").await, "undefined");
    browser.press(2).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 4).await, 2);
    let first = *sessions(&world.relay).keys().next().unwrap();

    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    world.network.set(Weather::Cut);
    let before = world.network.seen().len();
    browser.press(3).await;
    browser.leave().await;
    until("its last request", async || {
        let seen = world.network.seen();
        let last = seen[before..].iter().any(|request| request.body.contains("ExitPage"));
        if last { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    world.clear_up(4 + 1);
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    wait_for_events(&world.relay, 3, 4 + 5 + 2).await;
    let mut sessions = sessions(&world.relay);
    assert_whole_visit(&sessions.remove(&first).unwrap(), 2);
    let mut visits: Vec<_> = sessions.into_values().collect();
    visits.sort_by_key(Vec::len);
    assert_whole_visit(&visits[0], 0);
    assert_whole_visit(&visits[1], 3);
    browser.quit().await;
}

/// An address of this machine for which browsers make no exception: they take the loopback address for
/// secure, 0.0.0.0 not.
fn insecure_address() -> String {
    match lan_address() {
        address if address.is_loopback() => "0.0.0.0".to_owned(),
        address => address.to_string(),
    }
}

in_every_engine!(a_browser_without_webassembly_is_told_so);
/// As in a phone's lockdown mode.
async fn a_browser_without_webassembly_is_told_so(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let setup = Setup { without_webassembly: true, ..Setup::default() };
    let browser = Browser::start_with(engine, setup).await;
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

in_every_engine!(code_and_style_of_somebody_else_have_no_effect);
/// What the page's policy allows, it carries within itself: also on a host that sends no headers.
async fn code_and_style_of_somebody_else_have_no_effect(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    let add = "const add = (name, text) => { \
                   const element = document.createElement(name); \
                   element.textContent = text; \
                   document.head.append(element); \
               }; \
               add('script', 'window.foreign = true'); \
               add('style', '#button { display: none }'); \
               const shown = getComputedStyle(document.getElementById('button')).display; \
               return [window.foreign === undefined, shown !== 'none']";
    assert_eq!(browser.run(add).await, serde_json::json!([true, true]));
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    browser.quit().await;
}

in_every_engine!(optional_apis_that_are_missing_lose_nothing);
/// As browsers with strict settings, and extensions, take them away.
async fn optional_apis_that_are_missing_lose_nothing(engine: Engine) {
    let remove = "for (const name of ['PerformanceObserver', 'AbortController', 'Intl']) { \
                      Object.defineProperty(window, name, { value: undefined }); \
                  } \
                  for (const name of ['vibrate', 'serviceWorker', 'locks', 'onLine']) { \
                      delete Navigator.prototype[name]; \
                  } \
                  delete WebAssembly.compileStreaming;";
    let world = World::start_with_script(remove).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    // Firefox's driver runs its scripts with an `Intl` of their own.
    let missing = "return [typeof PerformanceObserver, typeof AbortController];";
    assert_eq!(browser.run(missing).await, serde_json::json!(["undefined", "undefined"]));
    browser.press(2).await;
    browser.wait_until_waiting(0).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 4).await, 2);
    browser.quit().await;
}

in_every_engine!(replaced_fetch_that_hangs_throws_or_returns_nothing_delays_only);
/// As extensions and monitoring scripts wrap it.
async fn replaced_fetch_that_hangs_throws_or_returns_nothing_delays_only(engine: Engine) {
    let replace = "const own = window.fetch; \
                   window.posts = 0; \
                   window.fetch = (url, init) => { \
                       if (!init || init.method !== 'POST') return own(url, init); \
                       window.posts++; \
                       if (window.posts === 1) return new Promise(() => {}); \
                       if (window.posts === 2) throw new Error('refused'); \
                       if (window.posts === 3) return undefined; \
                       return own(url, init); \
                   };";
    let world = World::start_with_script(replace).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting_at_least(1).await;
    browser.wait_until_waiting(0).await;
    assert!(browser.run("return window.posts;").await.as_u64() >= Some(4));
    browser.press(2).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 4).await, 2);
    browser.quit().await;
}

in_every_engine!(document_in_the_place_of_the_webassembly_is_not_kept);
/// As hosts do that answer every unknown path with the document, while a build is being replaced.
async fn document_in_the_place_of_the_webassembly_is_not_kept(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    world.host.send_document_for_webassembly(true);
    browser.open_early(&world.host.url()).await;
    browser.press(2).await;
    until("a notice", async || match browser.text("#notice").await {
        notice if notice.len() > 20 => Ok(()),
        notice => Err(notice),
    })
    .await;
    world.host.send_document_for_webassembly(false);
    browser.wait_until_ready().await;
    browser.press(1).await;
    browser.leave().await;
    assert_whole_visit(&wait_for_visit(&world.relay, 5).await, 3);
    browser.open(&world.host.url()).await;
    browser.quit().await;
}
