//! What a screen says while numbers are on their way, and what a projector needs.

use crate::{
    pretended::Pretended,
    stand::{number, text, wait_for},
};
use e2e::{Browser, Engine, in_every_engine, until};
use serde_json::{Value, json};

in_every_engine!(old_events_are_read_with_a_bar);
async fn old_events_are_read_with_a_bar(engine: Engine) {
    let relay = Pretended::start().await;
    relay.tell(30, json!({"done": 30, "of": 120}));
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/#live", relay.url)).await;
    wait_for(&browser, "#status", "Catching up: 25%").await;
    let bar = "document.querySelector('#status progress')";
    assert_eq!(number(&browser, &format!("Math.round({bar}.position * 100)")).await, 25);
    relay.tell(60, json!({"done": 60, "of": 120}));
    wait_for(&browser, "#status", "Catching up: 50%").await;
    assert_eq!(text(&browser, "#count").await.unwrap(), "60", "what is there is shown");
    relay.tell(120, Value::Null);
    wait_for(&browser, "#status", "Live").await;
    assert_eq!(browser.run(&format!("return {bar}")).await, Value::Null);
    browser.quit().await;
}

in_every_engine!(a_stream_that_is_held_back_is_replaced_by_questions);
async fn a_stream_that_is_held_back_is_replaced_by_questions(engine: Engine) {
    let relay = Pretended::start_held_back().await;
    relay.tell(3, Value::Null);
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/#live", relay.url)).await;
    wait_for(&browser, "#status", "Live, every two seconds").await;
    wait_for(&browser, "#count", "3").await;
    relay.tell(4, Value::Null);
    wait_for(&browser, "#count", "4").await;
    browser.quit().await;
}

in_every_engine!(a_projector_is_asked_to_stay_awake);
async fn a_projector_is_asked_to_stay_awake(engine: Engine) {
    let relay = Pretended::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/#live", relay.url)).await;
    wait_for(&browser, "#status", "Live").await;
    let has_lock = browser.run("return 'wakeLock' in navigator").await == true;
    // Notes what is asked for, and asks for it.
    browser
        .run(
            "window.asked = []; \
             if (navigator.wakeLock) { \
                 const { request } = WakeLock.prototype; \
                 WakeLock.prototype.request = function (kind) { \
                     asked.push(kind); \
                     return request.call(this, kind); \
                 }; \
             } \
             document.addEventListener('visibilitychange', () => \
                 fetch('/hear/' + document.visibilityState, { keepalive: true }));",
        )
        .await;
    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, ".stand #status", "Live").await;
    let times = |times: usize| json!(vec!["screen"; if has_lock { times } else { 0 }]);
    asked(&browser, &times(1)).await;
    // The browser takes it back when the page is out of sight.
    hide_and_show(&browser, &relay).await;
    asked(&browser, &times(2)).await;
    // A phone may sleep.
    browser.run("location.hash = '#live'").await;
    wait_for(&browser, ".live #status", "Live").await;
    hide_and_show(&browser, &relay).await;
    wait_for(&browser, ".live #status", "Live").await;
    asked(&browser, &times(2)).await;
    browser.quit().await;
}

/// Out of sight and back: each has to have reached the page before the next.
async fn hide_and_show(browser: &Browser, relay: &Pretended) {
    let page = browser.hide().await;
    heard(relay, "hidden").await;
    browser.show(&page).await;
    heard(relay, "visible").await;
}

async fn heard(relay: &Pretended, word: &str) {
    until(&format!("the page to be {word}"), async || {
        let heard = relay.heard();
        if heard == word { Ok(()) } else { Err(heard) }
    })
    .await;
}

async fn asked(browser: &Browser, times: &Value) {
    until(&format!("to be asked {times}"), async || {
        let asked = browser.run("return asked").await;
        if asked == *times { Ok(()) } else { Err(asked.to_string()) }
    })
    .await;
}

in_every_engine!(a_projector_fills_the_screen_and_hides_the_pointer);
async fn a_projector_fills_the_screen_and_hides_the_pointer(engine: Engine) {
    let relay = Pretended::start().await;
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/#stand", relay.url)).await;
    wait_for(&browser, "#status", "Live").await;
    let fills = "return document.fullscreenElement === document.documentElement";
    for is_full in [true, false] {
        browser.click("footer button").await;
        until("the screen to be filled, or not any more", async || {
            let fills = browser.run(fills).await;
            if fills == is_full { Ok(()) } else { Err(format!("filled: {fills}")) }
        })
        .await;
    }
    let cursor = "return getComputedStyle(document.body).cursor";
    until("the pointer to go away", async || {
        let cursor = browser.run(cursor).await;
        if cursor == "none" { Ok(()) } else { Err(cursor.to_string()) }
    })
    .await;
    browser.click("h1").await;
    assert_ne!(browser.run(cursor).await, "none", "it is there as soon as it moves");
    browser.quit().await;
}
