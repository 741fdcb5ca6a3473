//! A map that the browser translates: it puts nodes of its own in the place of the page's texts, of new ones too.

use crate::{language::numbers, pretended::Pretended, stand::wait_for};
use e2e::{Browser, Engine, in_every_engine, translation};
use serde_json::json;

in_every_engine!(map_translated_by_elements_goes_on_changing);
async fn map_translated_by_elements_goes_on_changing(engine: Engine) {
    translated(translation::FONTS, engine).await;
}

in_every_engine!(map_translated_by_texts_goes_on_changing);
async fn map_translated_by_texts_goes_on_changing(engine: Engine) {
    translated(translation::TEXTS, engine).await;
}

async fn translated(replacement: &str, engine: Engine) {
    let relay = Pretended::start_with_script(&translation::script(replacement)).await;
    relay.tell_all(numbers());
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/#live", relay.url)).await;
    wait_for(&browser, "#count", "12,345").await;
    wait_for(&browser, ".latest", "someone near Munich").await;

    let mut later = numbers();
    later["presses"] = json!(12_346);
    later["sessions"] = json!(42);
    later["countries"][0]["presses"] = json!(1235);
    let mut latest = later["latest"].as_array().unwrap().clone();
    // Two of one place become one line, which stays and counts.
    latest.insert(0, latest[0].clone());
    later["latest"] = latest.into();
    relay.tell_all(later.clone());
    for (selector, words) in [
        ("#count", "12,346"),
        ("#visits", "42"),
        (".top li:first-child .value", "1,235"),
        (".latest li:first-child", "×2"),
    ] {
        wait_for(&browser, selector, words).await;
    }

    browser.run("document.getElementById('table').click()").await;
    wait_for(&browser, "#table", "Show the map").await;
    wait_for(&browser, "tbody tr:first-child", "1,235").await;
    later["countries"][0]["presses"] = json!(1236);
    relay.tell_all(later.clone());
    wait_for(&browser, "tbody tr:first-child", "1,236").await;

    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, ".counter", "12,346").await;
    later["presses"] = json!(12_347);
    later["sessions"] = json!(43);
    relay.tell_all(later.clone());
    wait_for(&browser, ".big", "12,347").await;
    wait_for(&browser, ".of", "43 visitors").await;
    later["catching_up"] = json!({ "done": 40, "of": 100 });
    relay.tell_all(later);
    wait_for(&browser, "#status", "40").await;
    browser.quit().await;
}
