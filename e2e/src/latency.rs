//! How long a press takes from the finger in one browser to the number on the screen of another.

use crate::{Browser, Engine, is_long, until};
use serde_json::Value;

/// Nineteen of twenty presses are on every open screen within so many milliseconds, on a machine that does
/// nothing else.
const MOST_MILLIS: i64 = 300;

/// How many presses one measurement makes, in one visit.
pub const PRESSES: usize = 60;

/// Presses by itself, at intervals by chance, so that no rhythm of the relay's is met always at the same
/// moment; notes when. Both browsers have the same clock, that of this machine.
const PRESS: &str = "
    window.pressed = [];
    const press = () => {
        pressed.push(Date.now());
        document.getElementById('button').click();
        if (pressed.length < PRESSES) setTimeout(press, 40 + 500 * Math.random());
    };
    press();";

/// Notes each number that is shown, and when it was in the page.
const WATCH: &str = "
    window.shown = [];
    const note = () => shown.push([Number(document.getElementById('count').textContent.replaceAll(',', '')), Date.now()]);
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });";

/// Measures 60 presses on this relay, which serves the page and knows of `before` presses so far, and
/// prints how long they took.
///
/// # Panics
/// When one of them does not arrive; in the long form, too, when they took too long: beside other tests
/// the times say more of those than of the relay.
pub async fn measure_presses(engine: Engine, relay: &str, before: usize) {
    let mut took = measure(engine, relay, before).await;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1];
    println!(
        "      {}: {PRESSES} presses from one browser to another: half within {} ms, 95 % within {} ms, \
         all within {} ms",
        engine.name(),
        at(50),
        at(95),
        at(100)
    );
    assert!(!is_long() || at(95) <= MOST_MILLIS, "{}: {took:?}", engine.name());
}

/// The time that each press took, in milliseconds.
async fn measure(engine: Engine, relay: &str, before: usize) -> Vec<i64> {
    let (screen, visitor) = (Browser::start(engine).await, Browser::start(engine).await);
    screen.open_early(&format!("{}/live/#stand", relay)).await;
    let count = "return Number(document.getElementById('count')?.textContent.replaceAll(',', ''))";
    until("the screen", async || {
        let count = screen.try_run(count).await?;
        if count == before { Ok(()) } else { Err(count.to_string()) }
    })
    .await;
    screen.run(WATCH).await;
    visitor.open(relay).await;
    visitor.wait_until_waiting(0).await;
    visitor.run(&PRESS.replace("PRESSES", &PRESSES.to_string())).await;
    let shown = until("all presses on the screen", async || {
        let shown = pairs(&screen.run("return shown").await);
        match shown.last() {
            Some((count, _)) if *count == before + PRESSES => Ok(shown),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let pressed = visitor.run("return pressed").await;
    // In order: a browser that is closed with the page in view may take the last request with it.
    visitor.leave().await;
    visitor.quit().await;
    screen.quit().await;
    let on_screen = |count: usize| shown.iter().find(|shown| shown.0 >= count).unwrap().1;
    let pressed = pressed.as_array().unwrap().iter().map(|millis| millis.as_i64().unwrap());
    pressed.enumerate().map(|(index, pressed)| on_screen(before + index + 1) - pressed).collect()
}

/// Numbers and times.
fn pairs(value: &Value) -> Vec<(usize, i64)> {
    let pair = |pair: &Value| {
        let (count, millis) = (pair[0].as_u64().unwrap(), pair[1].as_i64().unwrap());
        (usize::try_from(count).unwrap(), millis)
    };
    value.as_array().unwrap().iter().map(pair).collect()
}
