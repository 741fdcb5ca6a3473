//! What is shown, and that it is shown whatever happens to the relay.

use crate::stand::{Stand, number, text, wait_for};
use e2e::{Browser, Engine, in_chromium, in_every_engine, until};

in_every_engine!(a_press_in_one_window_is_seen_in_another);
async fn a_press_in_one_window_is_seen_in_another(engine: Engine) {
    let stand = Stand::start().await;
    let browser = Browser::start(engine).await;
    // The short address leads to the application in its folder.
    browser.open_early(&stand.url("#live")).await;
    wait_for(&browser, "#count", "0").await;
    wait_for(&browser, "#status", "Live").await;
    let address = browser.run("return location.href").await;
    assert_eq!(address, stand.url("live/#live"));
    let live = browser.tab().await;

    browser.open_window(&stand.url("")).await;
    let pressing = browser.tab().await;
    browser.press(3).await;
    browser.wait_until_waiting(0).await;
    browser.use_window(&live).await;
    wait_for(&browser, "#count", "3").await;
    wait_for(&browser, ".side", "Place unknown").await;

    // On to the projector's page, from the button page.
    browser.use_window(&pressing).await;
    browser.run("location.hash = '#stand'").await;
    let host = stand.relay.address().to_owned();
    wait_for(&browser, "#address", &host).await;
    wait_for(&browser, "#count", "3").await;
    assert!(
        number(&browser, "document.querySelector('#qr .ink').getAttribute('d').length").await > 500
    );
    assert_eq!(text(&browser, "#address").await.unwrap(), host);
    assert!(text(&browser, ".hint").await.unwrap().contains("Phones can’t reach this address"));
    browser.quit().await;
}

in_every_engine!(countries_are_shaded_and_in_the_table);
async fn countries_are_shaded_and_in_the_table(engine: Engine) {
    let stand = Stand::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&stand.url("live/?url=https://example.org/b/#live")).await;
    wait_for(&browser, "#count", "0").await;
    stand.presses(5).await;
    wait_for(&browser, "#count", "5").await;
    wait_for(&browser, ".side", "someone near Säffle").await;
    let shaded = "document.querySelectorAll('.map .shape[data-shade=\"6\"]').length";
    assert_eq!(number(&browser, shaded).await, 1);
    let title = "return document.querySelector('.map .shape[data-shade=\"6\"] title').textContent";
    assert_eq!(browser.run(title).await, "Sweden: 5");

    browser.run("document.getElementById('table').click()").await;
    wait_for(&browser, "tbody tr", "Sweden 5 5").await;
    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, "#address", "example.org/b").await;
    let hints = number(&browser, "document.querySelectorAll('.hint').length").await;
    assert_eq!(hints, 0, "phones can open this one");
    browser.quit().await;
}

in_every_engine!(place_is_named_when_it_has_three_visits);
/// Until then a press is seen in the middle of its country.
async fn place_is_named_when_it_has_three_visits(engine: Engine) {
    let stand = Stand::start_with(&[]).await;
    let browser = Browser::start(engine).await;
    browser.open_early(&stand.url("live/#live")).await;
    wait_for(&browser, "#count", "0").await;
    wait_for(&browser, "footer", "Places are named from 3 visits on.").await;
    // Where each pulse was that there ever was.
    let watch = "window.pulses = new Map();
        new MutationObserver(() => {
            for (const pulse of document.querySelectorAll('.pulse')) {
                const at = pulse.getAttribute('transform');
                if (!pulse.seen) pulses.set(at, (pulses.get(at) ?? 0) + 1);
                pulse.seen = true;
            }
        }).observe(document.body, { childList: true, subtree: true });";
    browser.run(watch).await;
    let spots = "document.querySelectorAll('.spot').length";
    for visits in 1..=2_u64 {
        stand.presses(2).await;
        wait_for(&browser, "#count", &(visits * 2).to_string()).await;
        wait_for(&browser, ".latest", "someone in Sweden").await;
        assert_eq!(number(&browser, spots).await, 0);
    }
    stand.presses(1).await;
    wait_for(&browser, "#count", "5").await;
    wait_for(&browser, ".latest", "someone near Säffle ×5").await;
    assert_eq!(number(&browser, spots).await, 1);
    // Those that have got a name are no new presses.
    let pulses = browser.run("return [...pulses.values()].sort()").await;
    assert_eq!(pulses, serde_json::json!([1, 4]));
    browser.quit().await;
}

in_every_engine!(a_relay_that_is_gone_is_said_and_one_that_is_back_is_used);
async fn a_relay_that_is_gone_is_said_and_one_that_is_back_is_used(engine: Engine) {
    let mut stand = Stand::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&stand.url("live/#stand")).await;
    stand.presses(2).await;
    wait_for(&browser, "#count", "2").await;
    stand.relay.kill();
    wait_for(&browser, "#status", "No connection").await;
    assert_eq!(text(&browser, "#count").await.unwrap(), "2", "what is known stays");
    stand.start_again().await;
    wait_for(&browser, "#status", "Live").await;
    stand.presses(1).await;
    wait_for(&browser, "#count", "3").await;
    browser.quit().await;
}

in_chromium!(
    the_page_does_not_grow,
    "it counts the elements that the page makes, which are the same in every engine"
);
async fn the_page_does_not_grow(engine: Engine) {
    let stand = Stand::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&stand.url("live/#stand")).await;
    wait_for(&browser, "#count", "0").await;
    let elements = "document.querySelectorAll('*').length";
    let mut most = 0;
    for round in 1..=30_u64 {
        stand.presses(20).await;
        if round == 10 {
            wait_for(&browser, "#count", "200").await;
        }
        if round <= 10 {
            most = most.max(number(&browser, elements).await);
        }
    }
    wait_for(&browser, "#count", "600").await;
    let pulses = number(&browser, "document.querySelectorAll('.pulse').length").await;
    assert!(pulses <= 40, "{pulses} pulses");
    let grown = number(&browser, elements).await - most;
    // At most 40 pulses of four elements, and a step more in the legend.
    assert!(grown < 180, "{grown} elements more");
    until("the pulses to end", async || {
        match number(&browser, "document.querySelectorAll('.pulse').length").await {
            0 => Ok(()),
            pulses => Err(format!("{pulses} pulses")),
        }
    })
    .await;
    browser.quit().await;
}

in_every_engine!(a_visitor_sees_their_own_country_and_visit);
async fn a_visitor_sees_their_own_country_and_visit(engine: Engine) {
    let stand = Stand::start().await;
    stand.presses(2).await;
    let browser = Browser::start(engine).await;
    browser.open(&stand.url("?cohort=7")).await;
    browser.press(3).await;
    browser.wait_until_waiting(0).await;
    browser.click("footer a").await;
    // The test's browsers are at the relay itself, as the Swede is not.
    wait_for(
        &browser,
        "#own",
        "Place unknown, like yours: 3 presses, all in the last hour. 3 are yours.",
    )
    .await;
    // Nothing in the address tells others who this is; the browser knows it also after a reload.
    let address = browser.run("return location.href").await;
    assert_eq!(address, stand.url("live/?cohort=7#live"));
    browser.run("window.isOld = true; location.reload()").await;
    until("the page anew", async || {
        let is_old = browser.try_run("return window.isOld ?? false").await?;
        if is_old == false { Ok(()) } else { Err(is_old.to_string()) }
    })
    .await;
    wait_for(&browser, "#own", "3 are yours.").await;
    // A person who was given the address is another one.
    browser.open_early("about:blank").await;
    browser.open_early(&stand.url("live/#live")).await;
    wait_for(&browser, "#own", "Place unknown, like yours").await;
    assert!(!text(&browser, "#own").await.unwrap().contains("are yours"));
    browser.quit().await;
}
