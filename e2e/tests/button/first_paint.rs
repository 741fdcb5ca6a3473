//! What a visitor sees first, while the rest of the page is still on its way.

use crate::scenario::World;
use e2e::{Browser, Engine, in_every_engine, until};
use serde_json::Value;

/// Notes for each frame, before it is drawn: whether there is anything to be drawn, and how much of the
/// button can be hit.
const NOTE: &str = "
    window.drawn = [];
    const hit = () => {
        const button = document.getElementById('button');
        if (!button) return 0;
        const box = button.getBoundingClientRect();
        const middle = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return button.contains(middle) ? box.width : 0;
    };
    const note = () => {
        drawn.push([Boolean(document.body && document.body.firstElementChild), hit()]);
        requestAnimationFrame(note);
    };
    requestAnimationFrame(note);";

/// When the browser first drew something of the page, in milliseconds.
const FIRST_PAINT: &str =
    "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";

in_every_engine!(the_button_is_in_the_first_paint);
/// No frame shows some of the page and not the button, of a size for a finger, and it is there without
/// WebAssembly. That it counts presses then is shown by `presses_count_before_webassembly_is_there`.
async fn the_button_is_in_the_first_paint(engine: Engine) {
    let world = World::start_with_script(NOTE).await;
    world.host.send_webassembly(false);
    let browser = Browser::start(engine).await;
    browser.open_early(&world.host.url()).await;
    let painted = until("the first paint", async || {
        browser.run(FIRST_PAINT).await.as_f64().ok_or("there was none".to_owned())
    })
    .await;
    assert!(painted > 0.0, "{painted}");
    assert!(!browser.is_ready().await, "WebAssembly is held back, or this shows nothing");
    let drawn = browser.run("return drawn").await;
    let drawn: Vec<_> = drawn.as_array().unwrap().iter().filter(|frame| frame[0] == true).collect();
    assert!(!drawn.is_empty(), "frames of the page were noted");
    let width = |frame: &&Value| frame[1].as_f64().unwrap();
    assert!(drawn.iter().all(|frame| width(frame) > 100.0), "{drawn:?}");
    world.host.send_webassembly(true);
    browser.wait_until_ready().await;
    browser.quit().await;
}
