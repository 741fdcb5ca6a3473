//! The map has the visitor's own numbers from the button page, by the tab's storage: no host, no proxy and no history
//! has the session.

use crate::scenario::{World, number, page_options};
use e2e::{Browser, Engine, Hosting, Relay, dist, in_chromium, in_every_engine, until};
use serde_json::{Value, json};
use std::path::Path;

/// The page clicks: Firefox keeps no page in the back/forward cache that its driver has clicked on.
const TO_MAP: &str = "document.querySelector('footer a').click()";
const TO_BUTTON: &str = "document.getElementById('back').click()";
const PRESS: &str = "document.getElementById('button').click()";

/// What a browser keeps of the map, but for the button page's own outbox.
const KEPT: &str = "
    const outbox = /^kafka-button\\.(outbox|early)\\./;
    const local = Object.entries(localStorage).filter(([key]) => !outbox.test(key));
    return JSON.stringify([
        location.href, document.referrer, history.state, window.name, document.cookie, local,
        Object.entries(sessionStorage), document.documentElement.outerHTML,
        performance.getEntries().map(({ name }) => name),
    ]);";

async fn wait_for_own(browser: &Browser, words: &str) {
    until(&format!("{words:?} on the map"), async || {
        let look = "return document.getElementById('own')?.textContent ?? ''";
        match browser.try_run(look).await? {
            Value::String(text) if text.contains(words) => Ok(()),
            found => Err(found.to_string()),
        }
    })
    .await;
}

async fn press_and_send(browser: &Browser, presses: u64) {
    until("the button", async || {
        let look = "return document.getElementById('button')?.dataset.ready === 'true'";
        match browser.try_run(look).await? {
            Value::Bool(true) => Ok(()),
            _ => Err("it is not there".to_owned()),
        }
    })
    .await;
    browser.run(PRESS).await;
    until(&format!("{presses} presses"), async || match number(&browser.text("#count").await) {
        counted if counted == presses => Ok(()),
        counted => Err(counted.to_string()),
    })
    .await;
    browser.wait_until_waiting(0).await;
}

in_every_engine!(visit_is_handed_over_to_the_map_without_its_session);
/// The relay is at another origin. Back by the map's link and by the browser's button, and forward to a map that is
/// restored or loaded again.
async fn visit_is_handed_over_to_the_map_without_its_session(engine: Engine) {
    let world = World::start_with(Hosting { path: "/events/stand-7/", ..Hosting::of("") }).await;
    let browser = Browser::start(engine).await;
    browser.open(&format!("{}?cohort=7", world.host.url())).await;
    press_and_send(&browser, 1).await;
    press_and_send(&browser, 2).await;
    let session = world.relay.stored()[0].press.session_id.to_string();

    browser.run(TO_MAP).await;
    wait_for_own(&browser, "2 are yours.").await;
    let address = world.host.at("/events/stand-7/live/?cohort=7#live");
    assert_eq!(browser.run("return location.href").await, address);
    let is_kept = async || browser.run(KEPT).await.as_str().unwrap().contains(&session);
    assert!(!is_kept().await, "{}", browser.run(KEPT).await);
    browser.run("window.isOld = true; location.reload()").await;
    until("the map anew", async || match browser.try_run("return window.isOld ?? false").await? {
        Value::Bool(false) => Ok(()),
        _ => Err("it is the old one".to_owned()),
    })
    .await;
    wait_for_own(&browser, "2 are yours.").await;

    browser.run(TO_BUTTON).await;
    press_and_send(&browser, 3).await;
    browser.run("history.forward()").await;
    wait_for_own(&browser, "3 are yours.").await;
    browser.back().await;
    press_and_send(&browser, 4).await;
    browser.run(TO_MAP).await;
    wait_for_own(&browser, "4 are yours.").await;
    assert!(!is_kept().await, "{}", browser.run(KEPT).await);

    for entry in world.host.log() {
        assert!(!entry.contains(&session), "{entry}");
    }
    assert!(world.host.log().iter().any(|entry| entry.starts_with("GET /events/stand-7/live/")));
    let seen = world.network.seen();
    assert!(seen.iter().any(|request| request.what == "GET /api/stats"));
    for request in seen {
        let head = format!("{} {}", request.what, request.headers);
        assert!(!head.contains(&session), "{head}");
    }
    browser.quit().await;
}

in_every_engine!(map_shows_no_numbers_of_an_earlier_visit);
/// Neither after the button page was loaded again, nor to a person who opens the map in the same tab.
async fn map_shows_no_numbers_of_an_earlier_visit(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    press_and_send(&browser, 1).await;
    browser.run(TO_MAP).await;
    wait_for_own(&browser, "1 is yours.").await;
    browser.back().await;
    browser.wait_until_ready().await;
    browser.reload().await;
    browser.wait_until_waiting(0).await;
    browser.run("history.forward()").await;
    wait_for_own(&browser, "None of them is yours yet.").await;

    browser.open_early("about:blank").await;
    browser.open_early(&world.host.at("/live/#live")).await;
    wait_for_own(&browser, "1 press").await;
    let own = browser.run("return document.getElementById('own').textContent").await;
    assert!(!own.as_str().unwrap().contains("yours yet"), "{own}");
    browser.quit().await;
}

in_every_engine!(map_without_storage_shows_the_numbers_of_all);
async fn map_without_storage_shows_the_numbers_of_all(engine: Engine) {
    let refuse = "Object.defineProperty(window, 'sessionStorage', { \
                      get() { throw new DOMException('The operation is insecure.', 'SecurityError'); } \
                  });";
    let world = World::start_with_script(refuse).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    press_and_send(&browser, 1).await;
    browser.run(TO_MAP).await;
    wait_for_own(&browser, "1 press").await;
    let own = browser.run("return document.getElementById('own').textContent").await;
    assert!(!own.as_str().unwrap().contains("is yours"), "{own}");
    browser.back().await;
    press_and_send(&browser, 2).await;
    browser.quit().await;
}

in_chromium!(own_place_is_that_of_the_receipt, "it is what `own.rs` and `map.rs` do with it");
/// A made-up place, which depends on the session: the relay cannot return it to the map.
async fn own_place_is_that_of_the_receipt(engine: Engine) {
    let geo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/mmdb/ipv4.mmdb");
    let folder = tempfile::tempdir().unwrap();
    let static_dir = dist().to_string_lossy().into_owned();
    let mut options = page_options(&static_dir).to_vec();
    options.extend(["--pretend-local", "--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;
    let browser = Browser::start(engine).await;
    browser.open(&relay.url()).await;
    press_and_send(&browser, 1).await;
    browser.run(TO_MAP).await;
    wait_for_own(&browser, "Sweden: 1 press, in the last hour. 1 is yours.").await;
    let places = "return [
        document.querySelector('#own-place title').textContent,
        document.querySelectorAll('.spot').length,
        document.querySelector('.latest').textContent.includes('someone in Sweden'),
    ]";
    assert_eq!(browser.run(places).await, json!(["You, near Säffle", 0, true]));
    browser.run("location.hash = '#stand'").await;
    until("the stand", async || {
        let own =
            "return document.querySelector('.stand') && !document.getElementById('own-place')";
        match browser.run(own).await {
            Value::Bool(true) => Ok(()),
            found => Err(found.to_string()),
        }
    })
    .await;
    browser.quit().await;
}
