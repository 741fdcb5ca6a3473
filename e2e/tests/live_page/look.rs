//! What is to be seen on which screen, on paper, and for whom.

use crate::{
    language::numbers,
    pretended::Pretended,
    stand::{Stand, number, text, wait_for},
};
use e2e::{Browser, Engine, assert_accessible, in_chromium};
use serde_json::{Value, json};

/// A relay with all kinds of numbers, and a browser at this page.
async fn open(engine: Engine, page: &str) -> (Pretended, Browser) {
    let relay = Pretended::start().await;
    let mut numbers = numbers();
    numbers["geo_database"] = "GeoLite2-City".into();
    numbers["pretended"] = true.into();
    relay.tell_all(numbers);
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/?url=https://button.example.com/{page}", relay.url)).await;
    wait_for(&browser, "#count", "12,345").await;
    (relay, browser)
}

in_chromium!(text_of_twice_the_size_is_wrapped, "no other driver sets the size of the screen");
/// Nothing is cut, and nothing has to be scrolled to sideways.
async fn text_of_twice_the_size_is_wrapped(engine: Engine) {
    let look = "
        const wrong = [];
        const width = document.documentElement.scrollWidth;
        if (width > innerWidth) wrong.push(`it is ${width} wide`);
        for (const one of document.querySelectorAll('main *')) {
            const isCut = one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1;
            if (isCut && getComputedStyle(one).overflow !== 'visible' && !one.closest('svg, .table'))
                wrong.push(`${one.className} is cut`);
        }
        return wrong;";
    for page in ["#live", "#stand"] {
        let (_relay, browser) = open(engine, page).await;
        browser.run("document.documentElement.style.fontSize = '200%'").await;
        for (width, height) in [(320, 568), (390, 844), (1280, 720), (1080, 1920), (1920, 1080)] {
            browser.set_screen(width, height).await;
            assert_eq!(browser.run(look).await, json!([]), "{page}, {width}×{height}");
        }
        browser.quit().await;
    }
}

in_chromium!(screens_are_filled_and_not_scrolled, "no other driver sets the size of the screen");
async fn screens_are_filled_and_not_scrolled(engine: Engine) {
    let (_relay, browser) = open(engine, "#stand").await;
    let size = async |what: &str| number(&browser, &format!("Math.round({what})")).await;
    const QR: &str = "document.getElementById('qr').getBoundingClientRect().width";
    const FONT: &str = "parseFloat(getComputedStyle(document.querySelector('.latest')).fontSize)";
    for (width, height) in [(1280, 720), (1366, 768), (1920, 1080), (3840, 2160), (1080, 1920)] {
        browser.set_screen(width, height).await;
        let tall = size("document.documentElement.scrollHeight").await;
        assert!(tall <= i64::from(height), "{width}×{height}: {tall} tall");
        let map = size("document.querySelector('.map').getBoundingClientRect().height").await;
        assert!(map * 4 >= i64::from(height.min(width)), "{width}×{height}: map of {map}");
        if width < height {
            // Read from three metres.
            assert!(size(QR).await * 10 >= i64::from(width) * 4, "the code");
            assert!(size(FONT).await >= 27, "the text");
        } else {
            assert!(size(FONT).await * 100 >= i64::from(width), "{width}×{height}: the text");
        }
    }
    browser.run("location.hash = '#live'").await;
    wait_for(&browser, ".live #count", "12,345").await;
    browser.set_screen(3840, 2160).await;
    assert!(size(FONT).await > 30, "the text grows with the screen");
    browser.set_screen(1280, 720).await;
    browser.click("#table").await;
    wait_for(&browser, "#table", "Show the map").await;
    let bottom = size("document.getElementById('table').getBoundingClientRect().bottom").await;
    assert!(bottom <= 720, "the way back to the map is in view: {bottom}");
    browser.quit().await;
}

in_chromium!(a_countrys_first_press_is_seen, "colours depend on no engine");
async fn a_countrys_first_press_is_seen(engine: Engine) {
    let (_relay, browser) = open(engine, "#stand").await;
    let contrasts = "
        const colour = (name) => {
            const probe = document.body.appendChild(document.createElement('i'));
            probe.style.color = `var(--${name})`;
            const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).map((part) => part / 255);
            probe.remove();
            const [r, g, b] = parts.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
        };
        const contrast = (a, b) => Math.max(colour(a), colour(b)) / Math.min(colour(a), colour(b));
        return [contrast('shade-1', 'land'), contrast('coast', 'shade-6')];";
    // The policy of the page forbids inline styles, but not those of a script.
    for scheme in ["light", "dark"] {
        browser.prefer(&[("prefers-color-scheme", scheme)]).await;
        let contrasts = browser.run(contrasts).await;
        let [first, pulse] = [0, 1].map(|index| contrasts[index].as_f64().unwrap());
        assert!(first >= 1.5, "{scheme}: the first shade has {first} against the land");
        assert!(pulse >= 3.0, "{scheme}: a pulse's edge has {pulse} against the last shade");
    }
    browser.quit().await;
}

in_chromium!(a_stand_is_printed_as_a_light_poster, "no other driver prints");
async fn a_stand_is_printed_as_a_light_poster(engine: Engine) {
    let (_relay, browser) = open(engine, "#stand").await;
    let dark = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    let print = json!({ "media": "print", "features": dark });
    browser.devtools("Emulation.setEmulatedMedia", print).await;
    let look = "return [
        getComputedStyle(document.body).color,
        [...document.querySelectorAll('.stand > *')].filter((part) => part.offsetHeight).map((part) => part.className),
        document.getElementById('qr').getBoundingClientRect().width > 500,
    ];";
    assert_eq!(browser.run(look).await, json!(["rgb(34, 29, 48)", ["call"], true]));
    browser.quit().await;
}

in_chromium!(a_paused_map_stands_still, "it is the application's own logic");
async fn a_paused_map_stands_still(engine: Engine) {
    let (relay, browser) = open(engine, "#live").await;
    browser.click("#pause").await;
    wait_for(&browser, "#pause", "Carry on").await;
    relay.tell(12_346, Value::Null);
    // The one after it has come for sure.
    browser.run_async("await new Promise((done) => setTimeout(done, 1500));").await;
    assert_eq!(text(&browser, "#count").await.unwrap(), "12,345");
    browser.click("#pause").await;
    wait_for(&browser, "#count", "12,346").await;
    browser.quit().await;
}

in_chromium!(axe_finds_nothing_in_the_big_screen, "states and colours depend on no engine");
async fn axe_finds_nothing_in_the_big_screen(engine: Engine) {
    for page in ["#live", "#stand"] {
        let (relay, browser) = open(engine, page).await;
        for scheme in ["light", "dark"] {
            browser.prefer(&[("prefers-color-scheme", scheme)]).await;
            assert_accessible(&browser, &format!("{page}, {scheme}")).await;
            if page == "#live" {
                browser.click("#table").await;
                assert_accessible(&browser, &format!("the table, {scheme}")).await;
                browser.click("#table").await;
            }
        }
        relay.tell(30, json!({ "done": 30, "of": 120 }));
        wait_for(&browser, "#status", "Catching up: 25%").await;
        assert_accessible(&browser, &format!("{page}, old events are read")).await;
        browser.quit().await;
    }
    let mut stand = Stand::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&stand.url("live/#stand")).await;
    wait_for(&browser, "#status", "Live").await;
    stand.relay.kill();
    wait_for(&browser, "#status", "No connection").await;
    assert_accessible(&browser, "without a relay").await;
    browser.quit().await;
}
