//! The page as Yew draws it.

use crate::fixture::{
    focused, frame, is_marked, leave, mark_button, press, request_line, requests_so_far, respond,
    set_up, text, until, waiting,
};
use frontend::bindings::dom;
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

#[wasm_bindgen_test]
async fn the_page_takes_over_and_keeps_its_button() {
    set_up();
    frontend::page::start();
    wait_for_count(1).await; // What was pressed before counts.
    until("the texts of the language", || text("#button") == "Knopf").await;
    let first = request_line(0).await;
    assert!(first.contains(r#""action":"PressButton""#), "{first}");
    assert!(first.contains("01234567-89ab-4def-8123-456789abcdef"));

    dom::focus("button");
    mark_button();
    for presses in 2..=30 {
        press();
        wait_for_count(presses).await;
        assert!(["Gut gemacht.", "Nochmals."].contains(&text("#reply").as_str()));
    }
    assert!(is_marked(), "it is the same element, with the finger that is on it");
    assert_eq!(focused(), "button");
    assert_eq!(requests_so_far(), 1, "one request at a time");

    leave();
    let last = request_line(1).await;
    assert!(request_line(0).await.ends_with("true"), "the last one carries all of it");
    assert!(last.contains(" error no-store true text/plain"), "{last}");
    assert!(last.contains("EnterPage") && last.contains("ExitPage"), "{last}");
    assert_eq!(last.matches("PressButton").count(), 30);

    // It is content, and silent: the tests of the bindings are in the same page.
    let accepted: Vec<String> = (0..=31).map(|count: u64| count.to_string()).collect();
    let receipt = format!(
        r#"{{"session_id":"01234567-89ab-4def-8123-456789abcdef","accepted":[{}],"rejected":[],"durable_in":"kafka","location":{{"country_name":"Germany","country_code":"DE"}}}}"#,
        accepted.join(",")
    );
    respond(1, 200, r#"{"x-kafka-button":"1"}"#, &receipt);
    until("nothing waits", || waiting() == "0").await;
    assert_eq!(requests_so_far(), 2);
}
