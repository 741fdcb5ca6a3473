//! What the application asks of the browser (`seams.js`), asked.

use crate::stage::{
    answer, flight, hold_at_last, in_half_an_hour, land, listen, other_page_holds,
    other_page_lets_go, pause, set_language, set_relay, set_up, told,
};
use frontend::{
    browser::{local_storage::LocalStorage, seams},
    outbox::storage::Storage,
};
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn numbers_and_countries_are_written_as_the_language_has_them() {
    set_up();
    for (language, number, country) in [
        ("en", "1,234,567", "Germany"),
        ("de", "1.234.567", "Deutschland"),
        ("ja", "1,234,567", "ドイツ"),
    ] {
        set_language(language);
        assert_eq!(seams::number(1_234_567), number);
        assert_eq!(seams::country("DE"), country);
    }
    for nowhere in ["--", "", "not a code", "XX"] {
        assert_eq!(seams::country(nowhere), "", "{nowhere:?}");
    }
}

#[wasm_bindgen_test]
fn the_relay_is_beside_the_page_or_where_the_page_says() {
    set_up();
    let beside = seams::events_url().unwrap();
    assert!(beside.starts_with("http://") && beside.ends_with("/api/events"), "{beside}");
    for (relay, address) in [
        ("https://relay.example.org", "https://relay.example.org/api/events"),
        (" https://relay.example.org/kafka// ", "https://relay.example.org/kafka/api/events"),
    ] {
        set_relay(relay);
        assert_eq!(seams::events_url().as_deref(), Some(address));
    }
    set_relay("https://:relay");
    assert_eq!(seams::events_url(), None);
}

#[wasm_bindgen_test]
fn the_storage_gives_back_what_it_was_given() {
    let mut storage = LocalStorage;
    assert_eq!(storage.read("glue.a").unwrap(), None);
    storage.write("glue.a", "ä\n\"").unwrap();
    storage.write("glue.b", "").unwrap();
    assert_eq!(storage.read("glue.a").unwrap().as_deref(), Some("ä\n\""));
    assert_eq!(storage.read("glue.b").unwrap().as_deref(), Some(""));
    let keys = storage.keys().unwrap();
    assert!(["glue.a", "glue.b"].iter().all(|key| keys.iter().any(|found| found == key)));
    for key in ["glue.a", "glue.b"] {
        storage.remove(key).unwrap();
    }
    assert!(!storage.keys().unwrap().iter().any(|key| key.starts_with("glue.")));
    let full = "x".repeat(1 << 24);
    assert!(storage.write("glue.full", &full).is_err());
}

#[wasm_bindgen_test]
async fn a_post_is_simple_and_its_answer_comes_back() {
    set_up();
    listen();
    seams::post(101.0, "http://relay.example/api/events", "{}", false);
    assert_eq!(
        flight(0),
        "http://relay.example/api/events POST cors omit error false text/plain;charset=utf-8 {} false"
    );
    land(0, 200, r#"{"x-kafka-button":"1"}"#, "fine");
    let (_, status, is_signed, wait, body) = answer(101.0).await;
    assert_eq!((status, is_signed, wait.is_nan(), &*body), (200, true, true, "fine"));

    // The one before is ended: what it carried goes with the next.
    seams::post(102.0, "http://relay.example/api/events", "{}", false);
    seams::post(103.0, "http://relay.example/api/events", "{}", true);
    assert!(flight(1).ends_with("true"), "it is aborted");
    assert!(flight(2).contains(" error true text/plain"), "it is kept alive");
    let (_, status, is_signed, ..) = answer(102.0).await;
    assert_eq!((status, is_signed), (0, false));
}

/// RFC 9110, 10.2.3.
#[wasm_bindgen_test]
async fn retry_after_is_a_number_or_a_date() {
    set_up();
    listen();
    let date = in_half_an_hour();
    let cases = [
        ("7", 7.0),
        (" 7 ", 7.0),
        (&*date, 1800.0),
        ("soon", f64::NAN),
        ("-1", f64::NAN),
        ("", f64::NAN),
    ];
    for (n, (header, seconds)) in cases.iter().enumerate() {
        let request = 201.0 + n as f64;
        seams::post(request, "http://relay.example/api/events", "", false);
        land(n, 503, &format!(r#"{{"retry-after":{header:?}}}"#), "");
        // The next post would end this one.
        let (_, status, _, wait, _) = answer(request).await;
        assert_eq!(status, 503, "{header:?}");
        let fits = if seconds.is_nan() {
            !(wait > 0.0) // Nothing that anybody would wait for.
        } else {
            (wait - seconds).abs() < 2.0
        };
        assert!(fits, "{header:?}: {wait}");
    }
}

#[wasm_bindgen_test]
async fn a_lock_is_had_by_one_page_at_a_time() {
    set_up();
    listen();
    assert!(seams::locks_exist());
    other_page_holds("glue.lock").await;
    seams::hold("glue.lock");
    pause(20).await;
    assert!(told::HELD.take().is_empty());
    other_page_lets_go();
    hold_at_last("glue.lock").await;
    seams::hold("glue.lock");
    pause(20).await;
    assert!(told::HELD.take().is_empty(), "it is held already");
    seams::release("glue.lock");
    seams::release("glue.lock");
    hold_at_last("glue.lock").await;
    seams::release("glue.lock");
}

/// 6 is [`seams::Change::Due`].
#[wasm_bindgen_test]
async fn one_alarm_at_a_time() {
    set_up();
    listen();
    seams::wake(20.0);
    seams::wake(40.0);
    seams::wake(0.0);
    pause(80).await;
    assert!(told::CHANGES.take().is_empty(), "0 is never");
    seams::wake(40.0);
    seams::wake(1.0);
    pause(80).await;
    assert_eq!(told::CHANGES.take(), [6]);
}
