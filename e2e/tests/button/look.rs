//! What a press feels like, and whether all of the page is on the screen.

use crate::{languages::texts, scenario::World};
use e2e::{Browser, Engine, Setup, Weather, in_chromium, in_every_engine, until};
use serde_json::json;

in_every_engine!(a_press_is_seen_in_the_next_frame_and_felt);
/// While the network answers nothing.
async fn a_press_is_seen_in_the_next_frame_and_felt(engine: Engine) {
    let felt = "window.felt = []; \
                Object.defineProperty(navigator, 'vibrate', { value: (ms) => felt.push(ms) });";
    let world = World::start_with_script(felt).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    world.network.set(Weather::Silent);
    let seen = "const seen = []; \
                for (let i = 0; i < 10; i++) { \
                    document.getElementById('button').click(); \
                    await new Promise(requestAnimationFrame); \
                    seen.push(document.getElementById('count').textContent); \
                } \
                return [seen.join(' '), felt.length, document.querySelectorAll('.burst').length];";
    assert_eq!(browser.run_async(seen).await, json!(["1 2 3 4 5 6 7 8 9 10", 10, 1]));
    world.network.set(Weather::Fair);
    browser.quit().await;
}

in_chromium!(
    no_reply_comes_again_before_all_were_heard,
    "replies.rs proves it (`none_comes_again_before_all_were_shown_nor_twice_in_a_row`)"
);
async fn no_reply_comes_again_before_all_were_heard(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    until("the texts", async || match browser.run("return document.documentElement.lang").await {
        language if language == "en" => Ok(()),
        language => Err(language.to_string()),
    })
    .await;
    browser.wait_until_waiting(0).await;
    let heard = "const heard = new Set(); \
                 for (let i = 0; i < 40; i++) { \
                     document.getElementById('button').click(); \
                     await new Promise(requestAnimationFrame); \
                     heard.add(document.getElementById('reply').textContent); \
                 } \
                 return heard.size;";
    assert_eq!(browser.run_async(heard).await, 40);
    browser.quit().await;
}

/// Widths and heights: old and new phones in both directions, a tablet, a laptop, a projector.
const SCREENS: [(u32, u32); 9] = [
    (320, 480),
    (320, 568),
    (360, 640),
    (412, 915),
    (568, 320),
    (844, 390),
    (768, 1024),
    (1366, 768),
    (3840, 2160),
];

in_chromium!(everything_is_on_every_screen, "no other driver sets the size of the screen");
/// Nothing sticks out to the side, nothing covers anything else, the button is large and wholly in
/// view without scrolling, also with the longest reply, in every language.
async fn everything_is_on_every_screen(engine: Engine) {
    let world = World::start().await;
    let look = "
        const wrong = [];
        const box = (id) => document.querySelector(id).getBoundingClientRect();
        if (document.documentElement.scrollWidth > innerWidth) wrong.push('it scrolls sideways');
        const button = box('#button');
        if (button.top < 0 || button.bottom > innerHeight) wrong.push('the button is not all in view');
        if (button.width < 88) wrong.push('the button is ' + button.width);
        const parts = ['#reply', '.stage', '.tally', '.log', '#status', '.credit', 'footer'];
        parts.forEach((one, i) => parts.slice(i + 1).forEach((other) => {
            const a = box(one), b = box(other);
            const apart = a.right <= b.left + 1 || b.right <= a.left + 1 ||
                a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
            if (!apart && a.height && b.height) wrong.push(one + ' covers ' + other);
        }));
        for (const part of parts) {
            const { left, right } = box(part);
            if (left < 0 || right > innerWidth) wrong.push(part + ' sticks out');
        }
        return wrong;";
    for language in ["en", "de", "es", "fr", "ja"] {
        let setup = Setup { language: Some(language), ..Setup::default() };
        let browser = Browser::start_with(engine, setup).await;
        browser.open(&world.host.url()).await;
        // What a press is answered with has no key.
        let texts = texts(language);
        let replies = texts.lines().filter(|line| !line.contains(": "));
        let longest = replies.max_by_key(|line| line.chars().count()).unwrap();
        for (width, height) in SCREENS {
            browser.set_screen(width, height).await;
            let found = browser
                .run_async(&format!(
                    "document.getElementById('button').click();
                     await new Promise(requestAnimationFrame);
                     document.querySelector('#reply').firstElementChild.textContent = {longest:?};
                     await new Promise(requestAnimationFrame);
                     {look}"
                ))
                .await;
            assert_eq!(found, json!([]), "{language}, {width}×{height}, {longest:?}");
        }
        browser.quit().await;
    }
}

in_chromium!(who_wants_no_motion_gets_none, "no other driver sets preferences");
async fn who_wants_no_motion_gets_none(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    let moving = "document.getElementById('button').click(); \
                  await new Promise(requestAnimationFrame); \
                  return document.getAnimations().length;";
    browser.open(&world.host.url()).await;
    assert_ne!(browser.run_async(moving).await, 0, "or this shows nothing");
    browser.prefer(&[("prefers-reduced-motion", "reduce")]).await;
    browser.reload().await;
    assert_eq!(browser.run_async(moving).await, 0);
    browser.quit().await;
}
