//! The visitor's language, and what the page says about itself in it.

use crate::scenario::{World, relay_with_page};
use e2e::{Browser, Engine, Key, Setup, dist, in_every_engine, until};
use schemas::Action;
use std::{fs, path::PathBuf};

/// Waits until an element says something with these words in it.
async fn wait_for(browser: &Browser, selector: &str, words: &str) {
    until(&format!("{words:?} in {selector}"), async || {
        let text = browser.text(selector).await;
        if text.contains(words) { Ok(()) } else { Err(text) }
    })
    .await;
}

in_every_engine!(
    the_page_speaks_the_visitors_language,
    webkit = "MiniBrowser speaks the system's language, of which there may be one"
);
/// How a language is chosen depends on the engine in `navigator.languages` and `Intl`, for which two are
/// enough; that all of them are chosen is in Chromium.
async fn the_page_speaks_the_visitors_language(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let languages = [
        ("fr-CA,en", "fr", "Appuie", Some("1\u{202f}000")),
        ("tlh", "en", "Press", Some("1,000")),
        ("de-AT,en", "de", "Drück mich", None),
        ("es", "es", "Pulsa", None),
        ("ja", "ja", "押す", None),
        ("tlh,en-GB", "en", "Press", None),
    ];
    let languages = if engine == Engine::Chromium { &languages[..] } else { &languages[..2] };
    for &(preferred, shown, cap, thousand) in languages {
        let setup = Setup { language: Some(preferred), ..Setup::default() };
        let browser = Browser::start_with(engine, setup).await;
        browser.open(&relay.url()).await;
        wait_for(&browser, "#button", cap).await;
        assert_eq!(browser.run("return document.documentElement.lang;").await, shown);
        // A thousand presses take long, in Firefox longest. One of them shows that it writes numbers in the
        // visitor's language; in Chromium a second shows that numbers differ with it.
        let thousand = thousand.filter(|_| engine == Engine::Chromium || shown == "fr");
        let (presses, number) = thousand.map_or((1, "1"), |thousand| (1000, thousand));
        let press = "document.getElementById('button').click();";
        browser.run(&format!("for (let i = 0; i < {presses}; i++) {press}")).await;
        wait_for(&browser, "#count", number).await;
        browser.wait_until_waiting(0).await;
        let texts = texts(shown);
        let text = |key: &str| {
            let line = texts.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
            line.unwrap_or_else(|| panic!("{shown} has no {key}"))
        };
        // Drivers return no-break spaces, as before French colons, as spaces.
        let plain = |text: &str| text.replace(['\u{a0}', '\u{202f}'], " ");
        let recorded = text("press-recorded").replace("{from}", text("from-here"));
        assert_eq!(plain(&browser.text("#status").await), plain(&recorded));
        let reply = browser.text("#reply").await;
        assert!(texts.lines().any(|line| plain(line) == plain(&reply)), "{reply:?} is {shown}");
        browser.quit().await;
    }
}

in_every_engine!(
    made_up_places_are_said_to_be_some_in_the_visitors_language,
    webkit = "MiniBrowser speaks the system's language, of which there may be one"
);
/// In the status and with the visitor's own event, by the city's name in the page's language, which is sent with
/// the events, also before the texts are there. No preflight asks for it. The receipts say so in the page: real ones
/// would need a large database.
async fn made_up_places_are_said_to_be_some_in_the_visitors_language(engine: Engine) {
    const MADE_UP: &str = "
        const original = window.fetch;
        let posted;
        const firstPost = new Promise((resolve) => { posted = resolve; });
        window.fetch = async (url, init) => {
            if (String(url).includes('/texts/')) await firstPost;
            const response = await original(url, init);
            const language = init?.headers?.['accept-language'];
            if (!language) return response;
            posted();
            const receipt = await response.json();
            Object.assign(receipt, { pretended: true, place_name: `Stadt-${language}` });
            return new Response(JSON.stringify(receipt), { headers: response.headers });
        };";
    let world = World::start_with_script(MADE_UP).await;
    let setup = Setup { language: Some("de"), ..Setup::default() };
    let browser = Browser::start_with(engine, setup).await;
    browser.open(&world.host.url()).await;
    wait_for(&browser, "#button", "Drück mich").await;
    browser.press(1).await;
    let texts = texts("de");
    let made_up = texts.lines().find_map(|line| line.strip_prefix("made-up: ")).unwrap();
    let status = format!("aus dem Raum Stadt-de ist aufgezeichnet. {made_up}");
    wait_for(&browser, "#status", &status).await;
    browser.click("#about").await;
    wait_for(&browser, "#record", made_up).await;
    let seen = world.network.seen();
    assert!(seen.iter().all(|request| request.what == "POST /api/events"), "{seen:?}");
    for request in seen {
        let mut lines = request.headers.lines();
        assert!(lines.any(|line| line == "accept-language: de"), "{}", request.headers);
    }
    browser.quit().await;
}

/// The button's replies of a language: those that are always true, those for what is recorded, in Kafka, and
/// while presses wait.
pub fn replies(language: &str) -> Vec<Vec<String>> {
    let texts = texts(language);
    let groups = texts.split("\n\n").skip(1);
    groups.map(|group| group.lines().map(str::to_owned).collect()).collect()
}

/// The texts of a language.
pub fn texts(language: &str) -> String {
    let folder = fs::read_dir(dist().join("texts")).unwrap();
    let mut files = folder.map(|entry| entry.unwrap().path());
    let is_it = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(&format!("{language}-")) && name.ends_with(".txt")
    };
    fs::read_to_string(files.find(is_it).unwrap()).unwrap()
}

in_every_engine!(what_is_kept_is_told_with_the_visitors_own_event);
/// By keyboard alone.
async fn what_is_kept_is_told_with_the_visitors_own_event(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    browser.run("document.getElementById('about').focus();").await;
    browser.type_keys(Key::Enter).await;
    wait_for(&browser, "#panel", "What we don't").await;
    let panel = browser.text("#panel").await;
    // The store is the destination, and its setting is the relay's default.
    assert!(panel.contains("came from there. Every event is kept for 90 days."), "{panel}");
    assert!(!panel.contains("Privacy policy"), "there is none: {panel}");

    let shown = browser.text("#record").await;
    let newest = world.relay.stored().pop().unwrap().press;
    assert_eq!(newest.event.action, Action::PressButton);
    let session = newest.session_id.to_string();
    for value in [format!("{}…", &session[..8]), newest.event.timestamp.to_string()] {
        assert!(shown.contains(&value), "{value} in {shown}");
    }
    assert!(!shown.contains(&session), "a picture of the page gives no session away");
    assert!(shown.contains("PressButton"), "{shown}");
    let focused = "return document.activeElement.id;";
    assert_eq!(browser.run(focused).await, "panel-title", "it is read from its beginning");
    browser.type_keys(Key::Escape).await;
    assert_eq!(browser.run("return document.getElementById('panel').open;").await, false);
    assert_eq!(browser.run(focused).await, "about", "the focus is where it was");
    browser.quit().await;
}

/// A script that puts an operator's address into the document.
fn with_policy(address: &str) -> String {
    format!(
        "addEventListener('DOMContentLoaded', () => {{
            document.querySelector('meta[name=privacy-url]').content = {address:?};
        }});"
    )
}

in_every_engine!(the_panel_links_to_the_operators_policy);
async fn the_panel_links_to_the_operators_policy(engine: Engine) {
    let world = World::start_with_script(&with_policy("https://example.org/privacy")).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    browser.click("#about").await;
    wait_for(&browser, "#policy", "Privacy policy").await;
    let link = "return document.getElementById('policy').href;";
    assert_eq!(browser.run(link).await, "https://example.org/privacy");
    browser.quit().await;

    // What is no web page's address is no link.
    let world = World::start_with_script(&with_policy("javascript:alert(1)")).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.press(1).await;
    browser.wait_until_waiting(0).await;
    let link = "return [document.getElementById('policy').hidden, document.getElementById('policy').href];";
    assert_eq!(browser.run(link).await, serde_json::json!([true, ""]));
    browser.quit().await;
}
