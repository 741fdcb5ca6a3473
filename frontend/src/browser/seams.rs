//! The functions of `seams.js`: everything that the application asks of the browser.

use schemas::Timestamp;
use wasm_bindgen::prelude::*;

/// What the browser told, by the numbers that `boot.js` and `seams.js` use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The page is in view, for the first time or again.
    Shown,
    /// The page is not in view any more.
    Hidden,
    /// The page is being left, for good or for the back/forward cache.
    Left,
    /// The browser believes that there is a network again.
    Online,
    /// The browser knows that there is none.
    Offline,
    /// The button was pressed.
    Pressed,
    /// The time for which [`wake`] asked has come.
    Due,
    /// It is time to look for what other pages left behind.
    Sweep,
    /// The frame for which [`next_frame`] asked is about to be painted.
    Frame,
}

impl Change {
    /// The change of this number.
    pub fn of(number: u8) -> Option<Self> {
        use Change::{Due, Frame, Hidden, Left, Offline, Online, Pressed, Shown, Sweep};
        let all = [Shown, Hidden, Left, Online, Offline, Pressed, Due, Sweep, Frame];
        all.get(usize::from(number)).copied()
    }
}

#[wasm_bindgen(module = "/src/browser/seams.js")]
extern "C" {
    /// Takes over from `boot.js`, which tells what it noted, as JSON. From now on it calls
    /// `on_change` with a [`Change`]'s number; `on_answer` is for [`post`] (ticket, status or 0,
    /// whether signed, seconds to wait or NaN, body), `on_hold` for [`hold`], `on_texts` for the
    /// file of the visitor's language.
    pub fn start(
        on_change: &Closure<dyn Fn(u8)>,
        on_answer: &Closure<dyn Fn(f64, u16, bool, f64, String)>,
        on_hold: &Closure<dyn Fn(String)>,
        on_texts: &Closure<dyn Fn(String)>,
    ) -> String;
    /// The application is ready to be told: at once what came before (the texts), then the rest.
    pub fn ready();
    /// Whether the page is in view now.
    pub fn is_visible() -> bool;
    /// Whether the browser believes that there is a network.
    pub fn is_online() -> bool;
    /// Tells [`Change::Due`] after so many milliseconds, instead of what was asked before; 0: never.
    pub fn wake(millis: f64);
    /// Tells [`Change::Frame`] before the next frame; never while the page is hidden.
    pub fn next_frame();
    /// The address that events are posted to.
    pub fn events_url() -> Option<String>;
    /// Posts a request; the one before is ended.
    pub fn post(ticket: f64, url: &str, body: &str, keepalive: bool);
    /// A key of localStorage.
    #[wasm_bindgen(catch)]
    pub fn read(key: &str) -> Result<Option<String>, JsValue>;
    /// Sets it.
    #[wasm_bindgen(catch)]
    pub fn write(key: &str, text: &str) -> Result<(), JsValue>;
    /// Removes it.
    #[wasm_bindgen(catch)]
    pub fn remove(key: &str) -> Result<(), JsValue>;
    /// All keys, one a line.
    #[wasm_bindgen(catch)]
    pub fn keys() -> Result<String, JsValue>;
    /// Whether there are Web Locks.
    pub fn locks_exist() -> bool;
    /// Asks for a lock.
    pub fn hold(name: &str);
    /// Gives a lock back.
    pub fn release(name: &str);
    #[wasm_bindgen(js_name = number)]
    fn number_text(value: f64) -> String;
    #[wasm_bindgen(js_name = country)]
    fn country_name(code: &str) -> String;
    /// Tells screen readers, when the pressing pauses.
    pub fn say(text: &str);
    /// Whether the shell's button has the focus.
    pub fn button_has_focus() -> bool;
    /// Gives the button the focus.
    pub fn focus_button();
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn clock() -> f64;
    #[wasm_bindgen(js_namespace = Math, js_name = random)]
    fn dice() -> f64;
}

/// Milliseconds since 1970 by the visitor's clock, which may be wrong and may jump.
pub fn now_millis() -> f64 {
    clock()
}

/// The same for an event.
pub fn now() -> Timestamp {
    Timestamp::from_millis_clamped(clock())
}

/// A number in 0..1, for jitter and jokes.
pub fn random() -> f64 {
    dice()
}

/// A number as the visitor's language writes it.
pub fn number(value: u64) -> String {
    number_text(value as f64)
}

/// The country of this code in the visitor's language; empty where that is not known.
pub fn country(code: &str) -> String {
    country_name(code)
}
