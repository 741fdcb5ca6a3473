//! What a press feels like, and whether all of the page is on the screen.

use crate::{languages::replies, scenario::World};
use e2e::{Browser, Engine, Setup, Weather, in_chromium, in_every_engine, until};
use serde_json::json;
use std::collections::BTreeSet;

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
    "shuffle_bag.rs proves it (`none_comes_again_before_all_were_shown_nor_twice_in_a_row`)"
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
    // The relay has no Kafka.
    let recorded = replies("en")[..2].concat();
    let shown = press_and_collect(&browser, recorded.len()).await;
    assert_eq!(shown, recorded.into_iter().collect());
    browser.quit().await;
}

/// What the button says to so many presses.
async fn press_and_collect(browser: &Browser, presses: usize) -> BTreeSet<String> {
    let shown = browser
        .run_async(&format!(
            "const shown = [];
             for (let i = 0; i < {presses}; i++) {{
                 document.getElementById('button').click();
                 await new Promise(requestAnimationFrame);
                 shown.push(document.getElementById('reply').textContent);
             }}
             return shown;"
        ))
        .await;
    serde_json::from_value(shown).unwrap()
}

in_chromium!(
    replies_do_not_contradict_the_status,
    "texts.rs (`replies_are_those_that_are_true_in_the_mood`) and status.rs (`mood_is_that_of_the_line`) prove it"
);
/// Without a network, nothing has an offset, and no broker agrees to anything; also of what was said just before.
async fn replies_do_not_contradict_the_status(engine: Engine) {
    let world = World::start().await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let [always, recorded, _, waiting] = &replies("en")[..] else { panic!("four groups") };
    let says_one_of = async |expected: &[&[String]]| {
        until("a reply that is true", async || {
            let reply = browser.text("#reply").await;
            let is_true = expected.concat().contains(&reply);
            if is_true { Ok(()) } else { Err(reply) }
        })
        .await;
    };

    world.network.set(Weather::Cut);
    browser.press(1).await;
    until("the page to know", async || match browser.text("#status").await {
        status if status.contains("waiting to be sent") => Ok(()),
        status => Err(status),
    })
    .await;
    says_one_of(&[always, waiting]).await;
    let while_waiting: BTreeSet<String> = [&always[..], waiting].concat().into_iter().collect();
    let shown = press_and_collect(&browser, while_waiting.len()).await;
    assert!(shown.is_subset(&while_waiting), "{shown:?}");
    assert!(waiting.iter().any(|reply| shown.contains(reply)), "{shown:?}");

    world.clear_up(1);
    browser.wait_until_waiting(0).await;
    says_one_of(&[always, recorded]).await;
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

/// Lists in `wrong` what covers something else or sticks out.
const LOOK: &str = "
    const wrong = [];
    const root = document.documentElement;
    const box = (id) => document.querySelector(id).getBoundingClientRect();
    if (root.scrollWidth > root.clientWidth) wrong.push('it scrolls sideways');
    const button = box('#button');
    if (button.width < 88) wrong.push('the button is ' + button.width);
    const parts = ['#reply', '.stage', '.tally', '.log', '#status', '.credit', 'footer'];
    parts.forEach((one, i) => parts.slice(i + 1).forEach((other) => {
        const a = box(one), b = box(other);
        const apart = a.right <= b.left + 1 || b.right <= a.left + 1 ||
            a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
        if (!apart && a.height && b.height) wrong.push(one + ' covers ' + other);
    }));
    for (const part of parts) {
        const { left, right, top } = box(part);
        if (left < 0 || right > innerWidth || top + scrollY < 0) wrong.push(part + ' sticks out');
    }";

fn longest_reply(language: &str) -> String {
    replies(language).concat().into_iter().max_by_key(|reply| reply.chars().count()).unwrap()
}

in_chromium!(everything_is_on_every_screen, "no other driver sets the size of the screen");
/// Nothing sticks out to the side, nothing covers anything else, the button is large and wholly in
/// view without scrolling, also with the longest reply, in every language.
async fn everything_is_on_every_screen(engine: Engine) {
    let world = World::start().await;
    for language in ["en", "de", "es", "fr", "ja"] {
        let setup = Setup { language: Some(language), ..Setup::default() };
        let browser = Browser::start_with(engine, setup).await;
        browser.open(&world.host.url()).await;
        let longest = longest_reply(language);
        for (width, height) in SCREENS {
            browser.set_screen(width, height).await;
            let found = browser
                .run_async(&format!(
                    "document.getElementById('button').click();
                     await new Promise(requestAnimationFrame);
                     document.querySelector('#reply').firstElementChild.textContent = {longest:?};
                     await new Promise(requestAnimationFrame);
                     {LOOK}
                     if (button.top < 0 || button.bottom > innerHeight) wrong.push('the button is not all in view');
                     return wrong;"
                ))
                .await;
            assert_eq!(found, json!([]), "{language}, {width}×{height}, {longest:?}");
        }
        browser.quit().await;
    }
}

/// The page in a frame, which has any size in every engine, in the language of its address. Without a service
/// worker: each language registers another, and Chromium now and then drops the navigation of a frame that begins
/// while one takes the place of the other.
const FRAME: &str = "
    Object.defineProperty(navigator, 'languages', { value: [location.search.slice(1)] });
    Object.defineProperty(navigator, 'serviceWorker', { value: undefined });";

in_every_engine!(larger_text_covers_nothing_and_scrolls_down_alone);
/// At 175 % and at 200 % (WCAG 1.4.4), in every language, with the longest that the page has to say: the button,
/// the credit with its unbroken address and the way out of the dialog can be reached.
async fn larger_text_covers_nothing_and_scrolls_down_alone(engine: Engine) {
    const SIZES: [(u32, u32); 5] = [(390, 844), (320, 568), (1280, 720), (844, 390), (568, 320)];
    let world = World::start_with_script(FRAME).await;
    let browser = Browser::start(engine).await;
    let url = world.host.url();
    browser.open_early(&format!("{url}healthz")).await;
    for language in ["en", "de", "es", "fr", "ja"] {
        let frame = format!(
            "document.body.innerHTML = '<iframe src=\"/?{language}\"></iframe>';
             window.page = () => document.querySelector('iframe').contentWindow;"
        );
        browser.run(&frame).await;
        until("the page in the frame", async || {
            let state = "const { document } = page();
                         return document.querySelector('[data-ready]')
                             && document.querySelector('#status')?.textContent
                             && document.documentElement.lang;";
            match browser.try_run(state).await? {
                shown if shown == language => Ok(()),
                shown => Err(shown.to_string()),
            }
        })
        .await;
        let longest = longest_reply(language);
        for (width, height) in SIZES {
            for percent in [175, 200] {
                let found = browser
                    .run_async(&format!(
                        "const {{ frameElement, document }} = page();
                         frameElement.width = {width};
                         frameElement.height = {height};
                         document.documentElement.style.fontSize = '{percent}%';
                         const say = (selector, text) =>
                             document.querySelector(selector).replaceChildren(text);
                         document.querySelector('#button').click();
                         await new Promise((done) => setTimeout(done, 50));
                         say('#reply > *', {longest:?});
                         say('#status', document.querySelector('[data-text=\"not-list\"]').textContent);
                         say('.credit', 'This product includes GeoLite2 data created by MaxMind, ' +
                             'available from https://www.maxmind.com');
                         const {{ innerWidth, innerHeight, scrollY }} = page();
                         {LOOK}
                         document.getElementById('button').scrollIntoView();
                         if (box('#button').bottom > innerHeight) wrong.push('the button is too large');
                         document.getElementById('about').click();
                         const panel = document.getElementById('panel');
                         if (panel.scrollWidth > panel.clientWidth) wrong.push('the dialog scrolls sideways');
                         const close = box('#close');
                         if (close.top < 0 || close.bottom > innerHeight) wrong.push('no way out in view');
                         document.getElementById('close').click();
                         if (panel.open) wrong.push('the dialog does not close');
                         return wrong;"
                    ))
                    .await;
                assert_eq!(found, json!([]), "{language}, {width}×{height}, {percent} %");
            }
        }
    }
    browser.quit().await;
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
