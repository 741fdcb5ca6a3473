//! What is around the page in these tests.

use wasm_bindgen::prelude::*;

/// What a page has around the application: the shell's elements, and `boot.js`, which is a stand-in here.
/// `fetch` counts the requests, and returns what the test wants.
#[wasm_bindgen(inline_js = r#"
    const requests = [];
    export function set_up() {
        document.documentElement.lang = "en";
        document.head.querySelectorAll("meta[name=relay]").forEach((meta) => meta.remove());
        document.head.insertAdjacentHTML("beforeend", '<meta name="relay" content="">');
        document.querySelectorAll("main, dl, .said").forEach((element) => element.remove());
        document.body.insertAdjacentHTML("beforeend",
            '<main id="app"><button id="button">Press</button></main>' +
            '<dl id="record"></dl><p id="said" class="said"></p>');
        const early = JSON.stringify({
            session: "01234567-89ab-4def-8123-456789abcdef", cohort: null,
            log: [["shown", Date.now()], ["pressed", Date.now()]],
        });
        window.kafkaButton = {
            takeOver: () => early,
            language: "de",
            texts: Promise.resolve("press: Knopf\nidle: Ruhe\n\nGut gemacht.\nNochmals."),
        };
        requests.length = 0;
        window.fetch = (url, init) => new Promise((resolve, reject) => {
            new Request(url, init); // Throws where a browser's own would.
            requests.push({ url, init, resolve });
            init.signal.addEventListener("abort", () => reject(new Error("aborted")));
        });
    }
    export function set_relay(address) {
        document.querySelector("meta[name=relay]").content = address;
    }
    export function set_language(language) { document.documentElement.lang = language; }
    export function requests_so_far() { return requests.length; }
    export function request(number) {
        const { url, init } = requests[number];
        return [url, init.method, init.mode, init.credentials, init.redirect, init.cache, init.keepalive,
            init.headers["content-type"], init.body, init.signal.aborted].join(" ");
    }
    export function is_marked_as_own(number) { return "x-kafka-button" in requests[number].init.headers; }
    export function respond(number, status, headers, body) {
        requests[number].resolve(new Response(body, { status, headers: JSON.parse(headers) }));
    }
    export async function frame() { await new Promise(requestAnimationFrame); }
    export async function pause(millis) { await new Promise((done) => setTimeout(done, millis)); }
    export function press() { document.getElementById("button").click(); }
    export function leave() { window.dispatchEvent(new Event("pagehide")); }
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
    export function without_intl() { window.hiddenIntl = window.Intl; window.Intl = {}; }
    export function with_intl() { window.Intl = window.hiddenIntl; }
"#)]
extern "C" {
    pub fn set_up();
    pub fn set_relay(address: &str);
    pub fn set_language(language: &str);
    pub fn requests_so_far() -> usize;
    fn request(number: usize) -> String;
    pub fn is_marked_as_own(number: usize) -> bool;
    pub fn respond(number: usize, status: u16, headers: &str, body: &str);
    pub async fn frame();
    pub async fn pause(millis: u32);
    pub fn press();
    pub fn leave();
    pub fn text(selector: &str) -> String;
    pub fn waiting() -> String;
    pub fn focused() -> String;
    pub fn mark_button();
    pub fn is_marked() -> bool;
    pub async fn other_page_holds(name: &str);
    pub fn other_page_lets_go();
    pub fn in_half_an_hour() -> String;
    pub fn without_intl();
    pub fn with_intl();
}

/// A request, as soon as it is made, in one line.
pub async fn request_line(number: usize) -> String {
    until("a request", || requests_so_far() > number).await;
    request(number)
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
