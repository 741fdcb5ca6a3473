//! A page that the browser translates: it puts nodes of its own in the place of the page's texts, of new ones
//! too.

use crate::scenario::{World, number};
use e2e::{Browser, Engine, Weather, in_every_engine, translation, until};

in_every_engine!(page_translated_by_elements_goes_on_changing);
async fn page_translated_by_elements_goes_on_changing(engine: Engine) {
    translated(translation::FONTS, "font", engine).await;
}

in_every_engine!(page_translated_by_texts_goes_on_changing);
async fn page_translated_by_texts_goes_on_changing(engine: Engine) {
    translated(translation::TEXTS, "", engine).await;
}

async fn wait_for_text(browser: &Browser, selector: &str, expected: &str) {
    until(&format!("{expected:?} in {selector}"), async || match browser.text(selector).await {
        text if text.contains(expected) => Ok(()),
        text => Err(text),
    })
    .await;
}

/// Text that may be hidden.
async fn content(browser: &Browser, selector: &str) -> String {
    let script = format!("return document.querySelector(\"{selector}\").textContent;");
    browser.run(&script).await.as_str().unwrap().to_owned()
}

async fn translated(replacement: &str, words: &str, engine: Engine) {
    let world = World::start_with_script(&translation::script(replacement)).await;
    let browser = Browser::start(engine).await;
    browser.open(&world.host.url()).await;
    browser.wait_until_waiting(0).await;
    let idle = content(&browser, "#reply").await;
    let mut replies = Vec::new();
    for presses in 1..=3 {
        // On the words.
        browser.click(&format!("#button .cap {words}")).await;
        wait_for_text(&browser, "#count", &presses.to_string()).await;
        wait_for_text(&browser, "#presses", if presses == 1 { "press" } else { "presses" }).await;
        assert_eq!(number(&browser.text("#count").await), presses);
        browser.wait_until_waiting(0).await;
        wait_for_text(&browser, "#status", "your press from").await;
        until("the record", async || match content(&browser, "#record div:nth-child(4)").await {
            text if text == format!("count{presses}") => Ok(()),
            text => Err(text),
        })
        .await;
        replies.push(content(&browser, "#reply").await);
        assert_eq!(browser.run("return document.querySelectorAll('.burst').length;").await, 1);
        assert_eq!(
            browser.run("return document.querySelectorAll('.log li').length;").await,
            1 + presses
        );
    }
    replies.push(idle);
    replies.sort();
    replies.dedup();
    assert_eq!(replies.len(), 4, "{replies:?}");
    until("what screen readers read", async || match content(&browser, "#said").await {
        text if text.contains("3 presses – Recorded: your press from") => Ok(()),
        text => Err(text),
    })
    .await;

    world.network.set(Weather::Cut);
    browser.press(8).await;
    wait_for_text(&browser, "#count", "11").await;
    wait_for_text(&browser, "#status", "8 presses are waiting").await;
    world.network.set(Weather::Fair);
    wait_for_text(&browser, "#status", "your press from").await;

    let is_open = "return document.getElementById('panel').open;";
    browser.click(&format!("#about {words}")).await;
    assert_eq!(browser.run(is_open).await, true);
    wait_for_text(&browser, "#record div:nth-child(4)", "11").await;
    browser.click(&format!("#close {words}")).await;
    assert_eq!(browser.run(is_open).await, false);
    browser.quit().await;
}
