//! What the application uses of the browser.

use crate::fixture::{
    in_half_an_hour, is_marked_as_own, other_page_holds, other_page_lets_go, pause, request_line,
    respond, set_language, set_relay, set_up, until, with_intl, without_intl,
};
use frontend::{
    bindings::{
        alarm::{self, Alarm},
        local_storage::LocalStorage,
        locale::Formats,
        locks::{self, Lock},
        request::{self, post},
    },
    early::{Early, Signal},
    json::{Json, Value},
    outbox::{RequestOutcome, storage::Storage, stored::StoredOutbox},
};
use schemas::{Action, Event, MAX_SAFE_INTEGER, Timestamp};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::AbortController;

#[wasm_bindgen_test]
fn numbers_and_countries_are_written_as_the_language_has_them() {
    set_up();
    for (language, number, country) in [
        ("en", "1,234,567", "Germany"),
        ("de", "1.234.567", "Deutschland"),
        ("ja", "1,234,567", "ドイツ"),
    ] {
        set_language(language);
        let formats = Formats::of_document();
        assert_eq!(formats.number(1_234_567), number);
        assert_eq!(formats.country("DE"), country);
        for nowhere in ["--", "", "not a code", "XX"] {
            assert_eq!(formats.country(nowhere), "", "{nowhere:?}");
        }
    }
}

#[wasm_bindgen_test]
fn without_intl_numbers_are_plain_and_countries_have_no_name() {
    set_up();
    without_intl();
    let formats = Formats::of_document();
    with_intl();
    assert_eq!(formats.number(1_234_567), "1234567");
    assert_eq!(formats.country("DE"), "");
}

#[wasm_bindgen_test]
fn the_relay_is_beside_the_page_or_where_the_page_says() {
    set_up();
    let beside = request::events_url().unwrap();
    assert!(beside.starts_with("http://") && beside.ends_with("/api/events"), "{beside}");
    for (relay, address) in [
        ("https://relay.example.org", "https://relay.example.org/api/events"),
        (" https://relay.example.org/kafka// ", "https://relay.example.org/kafka/api/events"),
    ] {
        set_relay(relay);
        assert_eq!(request::events_url().as_deref(), Some(address));
    }
    set_relay("https://:relay");
    assert_eq!(request::events_url(), None);
}

#[wasm_bindgen_test]
fn the_storage_gives_back_what_it_was_given() {
    let mut storage = LocalStorage::new("");
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
fn storage_of_a_folder_is_not_that_of_others() {
    let folders = ["", "/glue", "/glue/glue"];
    for folder in folders {
        LocalStorage::new(folder).write("glue.c", folder).unwrap();
    }
    for folder in folders {
        let mut storage = LocalStorage::new(folder);
        assert_eq!(storage.read("glue.c").unwrap().as_deref(), Some(folder));
        assert_eq!(storage.keys().unwrap().iter().filter(|key| *key == "glue.c").count(), 1);
        storage.remove("glue.c").unwrap();
        assert_eq!(storage.read("glue.c").unwrap(), None);
    }
}

/// The browser's `JSON.parse` reads what the native tests read by serde_json.
#[wasm_bindgen_test]
fn json_is_read_as_it_was_written() {
    let event = |millis, count| Event {
        timestamp: Timestamp::from_millis_clamped(millis),
        action: Action::PressButton,
        count,
    };
    let stored = StoredOutbox {
        cohort: Some(i32::MIN),
        alive: 1_700_000_000_123,
        left: true,
        events: vec![
            event(0.0, 0),
            event(1_700_000_000_123.0, 7),
            // JavaScript's numbers do not hold these microseconds.
            event(253_402_300_799_999.0, MAX_SAFE_INTEGER),
            event(f64::INFINITY, 1),
        ],
    };
    assert_eq!(StoredOutbox::parse(&stored.to_text()), Some(stored));
    for junk in ["", "{", "[]", "7", "null", "{\"events\":5}", "<html>", "\u{0}"] {
        assert_eq!(StoredOutbox::parse(junk), None, "{junk:?}");
    }
    let early = Early::parse(r#"{"session":"ä\"\u00e4","cohort":null,"log":[["pressed",5]]}"#);
    assert_eq!((early.session.as_str(), early.cohort), ("ä\"ä", None));
    assert_eq!(early.log, [(Signal::Pressed, 5)]);
    let whole = |text| <Value as Json>::parse(text).unwrap().whole();
    for text in ["9007199254740992", "18446744073709551615", "1e999", "1.5", "\"1\"", "null"] {
        assert_eq!(whole(text), None, "{text}");
    }
}

fn controller() -> AbortController {
    AbortController::new().unwrap()
}

/// Posts and lets the test go on; what comes of it is in the cell.
fn start_post(
    controller: &AbortController,
    keepalive: bool,
) -> Rc<RefCell<Option<RequestOutcome>>> {
    let outcome = Rc::new(RefCell::new(None));
    let (result, controller) = (Rc::clone(&outcome), controller.clone());
    spawn_local(async move {
        let url = "http://relay.example/api/events";
        result.replace(Some(post(url, "{}", keepalive, Some(controller)).await));
    });
    outcome
}

async fn outcome(of: Rc<RefCell<Option<RequestOutcome>>>) -> RequestOutcome {
    until("an outcome", || of.borrow().is_some()).await;
    of.take().unwrap()
}

#[wasm_bindgen_test]
async fn a_post_is_simple_and_its_response_comes_back() {
    set_up();
    let first = start_post(&controller(), false);
    assert_eq!(
        request_line(0).await,
        "http://relay.example/api/events POST cors omit error no-store false text/plain;charset=utf-8 {} false"
    );
    assert!(!is_marked_as_own(0), "which would cost a preflight");
    respond(0, 200, r#"{"x-kafka-button":"1"}"#, "fine");
    let body = "fine".to_owned();
    let fine = RequestOutcome::Response { status: 200, signed: true, retry_after: None, body };
    assert_eq!(outcome(first).await, fine);

    // One that is aborted ends at once.
    let aborted = controller();
    let second = start_post(&aborted, true);
    assert!(request_line(1).await.contains(" error no-store true text/plain"), "it is kept alive");
    aborted.abort();
    assert!(request_line(1).await.ends_with("true"), "it is aborted");
    assert_eq!(outcome(second).await, RequestOutcome::NoResponse);

    let unsigned = start_post(&controller(), false);
    request_line(2).await;
    respond(2, 200, "{}", "<html>");
    let RequestOutcome::Response { signed, .. } = outcome(unsigned).await else { panic!() };
    assert!(!signed);
    let url = "https://:relay";
    assert_eq!(post(url, "", false, Some(controller())).await, RequestOutcome::NoResponse);
}

#[wasm_bindgen_test]
async fn post_to_the_own_origin_is_marked() {
    set_up();
    let own = web_sys::window().unwrap().location().origin().unwrap();
    for (number, (origin, is_own)) in
        [(&*own, true), ("http://relay.example", false)].into_iter().enumerate()
    {
        let url = format!("{origin}/api/events");
        spawn_local(async move { drop(post(&url, "{}", false, Some(controller())).await) });
        request_line(number).await;
        assert_eq!(is_marked_as_own(number), is_own, "{origin}");
        respond(number, 200, "{}", "");
    }
}

/// RFC 9110, section 10.2.3.
#[wasm_bindgen_test]
async fn retry_after_is_a_number_or_a_date() {
    set_up();
    let date = in_half_an_hour();
    let cases = [
        ("7", Some(7.0)),
        (" 7 ", Some(7.0)),
        (&*date, Some(1800.0)),
        ("soon", None),
        ("-1", None),
        ("", None),
    ];
    for (n, (header, seconds)) in cases.iter().enumerate() {
        let posted = start_post(&controller(), false);
        request_line(n).await;
        respond(n, 503, &format!(r#"{{"retry-after":{header:?}}}"#), "");
        let RequestOutcome::Response { status, retry_after, .. } = outcome(posted).await else {
            panic!("{header:?} has no response");
        };
        assert_eq!(status, 503, "{header:?}");
        let fits = match (retry_after, seconds) {
            (Some(wait), Some(seconds)) => (wait - seconds).abs() < 2.0,
            // Nothing that the outbox would wait for.
            (wait, None) => wait.is_none_or(|wait| wait <= 0.0),
            (None, Some(_)) => false,
        };
        assert!(fits, "{header:?}: {retry_after:?}");
    }
}

/// Asks for a lock until it is had: its holder gives it back in the browser's own time.
async fn lock_at_last(name: &str) -> Lock {
    let lock = Rc::new(RefCell::new(None));
    until("the lock", || {
        let had = Rc::clone(&lock);
        locks::try_lock(name, move |lock| drop(had.replace(Some(lock))));
        lock.borrow().is_some()
    })
    .await;
    lock.take().unwrap()
}

#[wasm_bindgen_test]
async fn a_lock_is_had_by_one_page_at_a_time() {
    set_up();
    assert!(locks::locks_exist());
    let is_refused = async || {
        let had = Rc::new(Cell::new(false));
        let has = Rc::clone(&had);
        locks::try_lock("glue.lock", move |_| has.set(true));
        pause(20).await;
        !had.get()
    };
    other_page_holds("glue.lock").await;
    assert!(is_refused().await, "another page has it");
    other_page_lets_go();
    let lock = lock_at_last("glue.lock").await;
    assert!(is_refused().await, "it is held already");
    drop(lock);
    drop(lock_at_last("glue.lock").await);
}

#[wasm_bindgen_test]
async fn one_alarm_at_a_time() {
    let rung = Rc::new(Cell::new(0));
    let counted = Rc::clone(&rung);
    let alarm = Alarm::new(alarm::callback(move || counted.set(counted.get() + 1)));
    alarm.set(20);
    alarm.set(40);
    alarm.clear();
    pause(80).await;
    assert_eq!(rung.get(), 0, "it was cleared");
    alarm.set(40);
    alarm.set(1);
    pause(80).await;
    assert_eq!(rung.get(), 1, "once, by the later timeout");
    alarm.set(1);
    pause(80).await;
    assert_eq!(rung.get(), 2, "and again");
}
