//! What is around the page in these tests.

use frontend::browser::seams;
use wasm_bindgen::prelude::*;

/// What a page has around the seams: the shell's elements, and `boot.js`, which is a stand-in here. It
/// counts what it is asked. `fetch` answers what it is told.
#[wasm_bindgen(inline_js = r#"
    const flights = [];
    export function set_up() {
        document.documentElement.lang = "en";
        document.head.querySelectorAll("meta[name=relay]").forEach((meta) => meta.remove());
        document.head.insertAdjacentHTML("beforeend", '<meta name="relay" content="">');
        document.querySelectorAll("main, dl, .said").forEach((element) => element.remove());
        document.body.insertAdjacentHTML("beforeend",
            '<main id="app"><button id="button">Press</button></main>' +
            '<dl id="record"></dl><p id="said" class="said"></p>');
        window.kafkaButton = {
            takeOver: (application) => { window.tell = application; return window.early; },
            whenTexts: (listener) => listener("press: Knopf\nidle: Ruhe\n\nGut gemacht.\nNochmals."),
        };
        window.early = JSON.stringify({
            session: "01234567-89ab-4def-8123-456789abcdef", cohort: null,
            log: [["shown", Date.now()], ["pressed", Date.now()]],
        });
        flights.length = 0;
        window.fetch = (url, options) => new Promise((resolve, reject) => {
            flights.push({ url, options, resolve });
            options.signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
    }
    export function set_relay(address) {
        document.querySelector("meta[name=relay]").content = address;
    }
    export function set_language(language) { document.documentElement.lang = language; }
    export function flights_so_far() { return flights.length; }
    export function flight(number) {
        const { url, options } = flights[number];
        return [url, options.method, options.mode, options.credentials, options.redirect,
            options.keepalive, options.headers["content-type"], options.body, options.signal.aborted].join(" ");
    }
    export function land(number, status, headers, body) {
        flights[number].resolve(new Response(body, { status, headers: JSON.parse(headers) }));
    }
    export async function frame() { await new Promise(requestAnimationFrame); }
    export async function pause(millis) { await new Promise((done) => setTimeout(done, millis)); }
    export function happens(change) { window.tell(change); }
    export function text(selector) { return document.querySelector(selector)?.textContent ?? ""; }
    export function waiting() { return document.getElementById("status").dataset.waiting; }
    export function focused() { return document.activeElement.id; }
    export function mark_button() { document.getElementById("button").isMarked = true; }
    export function is_marked() { return document.getElementById("button").isMarked === true; }
    export function other_page_holds(name) {
        return new Promise((held) => navigator.locks.request(name, () => {
            held();
            return new Promise((done) => { window.letGo = done; });
        }));
    }
    export function other_page_lets_go() { window.letGo(); }
    export function in_half_an_hour() { return new Date(Date.now() + 1800e3).toUTCString(); }
"#)]
extern "C" {
    pub fn set_up();
    pub fn set_relay(address: &str);
    pub fn set_language(language: &str);
    pub fn flights_so_far() -> usize;
    pub fn flight(number: usize) -> String;
    pub fn land(number: usize, status: u16, headers: &str, body: &str);
    pub async fn frame();
    pub async fn pause(millis: u32);
    pub fn happens(change: u8);
    pub fn text(selector: &str) -> String;
    pub fn waiting() -> String;
    pub fn focused() -> String;
    pub fn mark_button();
    pub fn is_marked() -> bool;
    pub async fn other_page_holds(name: &str);
    pub fn other_page_lets_go();
    pub fn in_half_an_hour() -> String;
}

/// What the seams call back with.
pub mod told {
    use std::cell::RefCell;

    thread_local! {
        pub static CHANGES: RefCell<Vec<u8>> = RefCell::default();
        pub static ANSWERS: RefCell<Vec<(f64, u16, bool, f64, String)>> = RefCell::default();
        pub static HELD: RefCell<Vec<String>> = RefCell::default();
    }
}

/// Begins to be told, from nothing.
pub fn listen() {
    told::CHANGES.take();
    told::ANSWERS.take();
    told::HELD.take();
    let on_change =
        Closure::<dyn Fn(u8)>::new(|n| told::CHANGES.with_borrow_mut(|all| all.push(n)));
    let on_answer = Closure::<dyn Fn(f64, u16, bool, f64, String)>::new(|a, b, c, d, e| {
        told::ANSWERS.with_borrow_mut(|all| all.push((a, b, c, d, e)));
    });
    let on_hold =
        Closure::<dyn Fn(String)>::new(|name| told::HELD.with_borrow_mut(|all| all.push(name)));
    let on_texts = Closure::<dyn Fn(String)>::new(|_| {});
    seams::start(&on_change, &on_answer, &on_hold, &on_texts);
    on_change.forget();
    on_answer.forget();
    on_hold.forget();
    on_texts.forget();
}

/// Waits until something is so, for as long as a busy machine may take.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        pause(10).await;
    }
    panic!("waited in vain: {what}");
}

/// The answer to this request, as soon as it is there: a browser reads a body in its own time. Others may
/// come in between, to what a page of another test has sent.
pub async fn answer(request: f64) -> (f64, u16, bool, f64, String) {
    let mut answer = None;
    let is_there = || {
        answer = told::ANSWERS.with_borrow(|all| all.iter().find(|a| a.0 == request).cloned());
        answer.is_some()
    };
    until("an answer", is_there).await;
    answer.unwrap()
}

/// Asks for a lock until it is had: the one who had it gives it back in the browser's own time.
pub async fn hold_at_last(name: &str) {
    until("the lock", || {
        told::HELD.with_borrow(|held| held.iter().any(|held| held == name)) || {
            seams::hold(name);
            false
        }
    })
    .await;
    assert_eq!(told::HELD.take(), [name]);
}
