//! A page that the browser translates: it puts nodes of its own in the place of the page's texts, of new ones
//! too.

use crate::scenario::{World, number};
use e2e::{Browser, Engine, Weather, in_every_engine, until};

/// Replaces every text node, now and later, by what `replacement` makes of its text.
pub fn translation(replacement: &str) -> String {
    format!(
        "(() => {{ \
            const done = new WeakSet(); \
            const replacement = (text) => {{ const node = new Text(text); done.add(node); {replacement} }}; \
            const translate = (root) => {{ \
                const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT); \
                const found = []; \
                for (let node = walker.currentNode; node; node = walker.nextNode()) found.push(node); \
                for (const node of found) {{ \
                    if (node.nodeType !== Node.TEXT_NODE || done.has(node) || !node.parentNode) continue; \
                    if (node.parentNode.closest('script, style, head') || !node.data.trim()) continue; \
                    node.replaceWith(replacement(node.data)); \
                }} \
            }}; \
            addEventListener('DOMContentLoaded', () => {{ \
                translate(document.body); \
                const changes = {{ childList: true, characterData: true, subtree: true }}; \
                new MutationObserver((changed) => {{ \
                    for (const {{ addedNodes, target }} of changed) {{ \
                        for (const node of addedNodes) if (node.isConnected) translate(node); \
                        if (target.nodeType === Node.TEXT_NODE && target.isConnected) translate(target); \
                    }} \
                }}).observe(document.body, changes); \
            }}); \
        }})();"
    )
}

/// As Google's does it.
pub const FONTS: &str = "const [outer, inner] = [0, 0].map(() => document.createElement('font')); \
                     inner.append(node); outer.append(inner); return outer;";

/// Other ones.
pub const TEXTS: &str = "return node;";

in_every_engine!(page_translated_by_elements_goes_on_changing);
async fn page_translated_by_elements_goes_on_changing(engine: Engine) {
    translated(FONTS, "font", engine).await;
}

in_every_engine!(page_translated_by_texts_goes_on_changing);
async fn page_translated_by_texts_goes_on_changing(engine: Engine) {
    translated(TEXTS, "", engine).await;
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
    let world = World::start_with_script(&translation(replacement)).await;
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
        wait_for_text(&browser, "#status", "Your press from").await;
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
        text if text.contains("Your press from") => Ok(()),
        text => Err(text),
    })
    .await;

    world.network.set(Weather::Cut);
    browser.press(8).await;
    wait_for_text(&browser, "#count", "11").await;
    wait_for_text(&browser, "#status", "8 presses wait").await;
    world.network.set(Weather::Fair);
    wait_for_text(&browser, "#status", "Your press from").await;

    let is_open = "return document.getElementById('panel').open;";
    browser.click(&format!("#about {words}")).await;
    assert_eq!(browser.run(is_open).await, true);
    wait_for_text(&browser, "#record div:nth-child(4)", "11").await;
    browser.click(&format!("#close {words}")).await;
    assert_eq!(browser.run(is_open).await, false);
    browser.quit().await;
}
