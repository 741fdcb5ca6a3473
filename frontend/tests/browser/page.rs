//! The page as Yew draws it.

use crate::stage::{
    flight, flights_so_far, focused, frame, happens, is_marked, land, mark_button, set_up, text,
    until, waiting,
};
use frontend::browser::seams;
use wasm_bindgen_test::wasm_bindgen_test;

/// Yew may take some frames, in this build without optimisation.
async fn wait_for_count(presses: u32) {
    for _ in 0..100 {
        frame().await;
        if text("#count") == presses.to_string() {
            return;
        }
    }
    panic!("{presses} presses are shown as {}", text("#count"));
}

/// 5 is [`seams::Change::Pressed`], 1 [`seams::Change::Hidden`], 0 [`seams::Change::Shown`].
#[wasm_bindgen_test]
async fn the_page_takes_over_and_keeps_its_button() {
    set_up();
    frontend::page::start();
    wait_for_count(1).await; // What was pressed before counts.
    assert_eq!(text("#button"), "Knopf");
    assert!(flight(0).contains(r#""action":"PressButton""#), "{}", flight(0));
    assert!(flight(0).contains("01234567-89ab-4def-8123-456789abcdef"));

    seams::focus_button();
    mark_button();
    for presses in 2..=30 {
        happens(5);
        wait_for_count(presses).await;
        assert!(["Gut gemacht.", "Nochmals."].contains(&text("#reply").as_str()));
    }
    assert!(is_marked(), "it is the same element, with the finger that is on it");
    assert_eq!(focused(), "button");
    assert_eq!(flights_so_far(), 1, "one request at a time");

    happens(1);
    assert_eq!(flights_so_far(), 2);
    assert!(flight(0).ends_with("true"), "the farewell carries all of it");
    let farewell = flight(1);
    assert!(farewell.contains(" error true text/plain"), "{farewell}");
    assert!(farewell.contains("EnterPage") && farewell.contains("ExitPage"), "{farewell}");
    assert_eq!(farewell.matches("PressButton").count(), 30);

    // It is content, and silent: the tests of the seams are in the same page.
    let accepted: Vec<String> = (0..=31).map(|count: u64| count.to_string()).collect();
    let receipt = format!(
        r#"{{"session_id":"01234567-89ab-4def-8123-456789abcdef","accepted":[{}],"rejected":[],"durable_in":"kafka","location":{{"country_name":"Germany","country_code":"DE"}}}}"#,
        accepted.join(",")
    );
    land(1, 200, r#"{"x-kafka-button":"1"}"#, &receipt);
    until("nothing waits", || waiting() == "0").await;
    assert_eq!(flights_so_far(), 2);
}
