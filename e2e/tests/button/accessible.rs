//! What axe-core finds, in every state of the page: contrast, names, roles, order, sizes.

use crate::scenario::{World, relay_with_page};
use e2e::{Browser, Engine, Weather, assert_accessible, in_every_engine};

in_every_engine!(axe_finds_nothing);
/// Which states there are depends on no engine, so Chromium has them all. Styles and layout do: the others have
/// the state with the most on the screen.
async fn axe_finds_nothing(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    if engine != Engine::Chromium {
        browser.press(2).await;
        browser.wait_until_waiting(0).await;
        browser.click("#about").await;
        assert_accessible(&browser, "pressed, and what is kept").await;
        return browser.quit().await;
    }
    for scheme in ["light", "dark"] {
        browser.prefer(&[("prefers-color-scheme", scheme)]).await;
        assert_accessible(&browser, &format!("{scheme}, at the beginning")).await;
        browser.press(2).await;
        browser.wait_until_waiting(0).await;
        assert_accessible(&browser, &format!("{scheme}, pressed")).await;
        browser.click("#about").await;
        assert_accessible(&browser, &format!("{scheme}, what is kept")).await;
        browser.click("#close").await;
        world.network.set(Weather::Cut);
        browser.press(1).await;
        browser.wait_until_waiting_at_least(1).await;
        assert_accessible(&browser, &format!("{scheme}, without a network")).await;
        world.network.set(Weather::Fair);
        browser.wait_until_waiting(0).await;
        browser.reload().await;
    }
    browser.quit().await;
}

in_every_engine!(the_shell_and_its_notices_are_accessible);
/// Before WebAssembly, and where there is none.
async fn the_shell_and_its_notices_are_accessible(engine: Engine) {
    let (relay, _folder) = relay_with_page().await;
    let setup = e2e::Setup { without_webassembly: true, ..e2e::Setup::default() };
    let browser = Browser::start_with(engine, setup).await;
    browser.open_early(&relay.url()).await;
    e2e::until("the notice", async || {
        match browser.run("return document.getElementById('notice').hidden").await {
            serde_json::Value::Bool(false) => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    assert_accessible(&browser, "without WebAssembly").await;
    // The dialog is the document's own, where browsers know of such buttons.
    if browser.run("return 'command' in HTMLButtonElement.prototype").await == true {
        let is_open = "return document.getElementById('panel').open";
        browser.click("#about").await;
        assert_eq!(browser.run(is_open).await, true);
        assert_accessible(&browser, "what is kept, without WebAssembly").await;
        browser.click("#close").await;
        assert_eq!(browser.run(is_open).await, false);
    }
    browser.quit().await;
}
