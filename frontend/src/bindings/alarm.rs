//! Timeouts and frames of a press. Their callbacks are made once and kept for the life of the page, while
//! gloo-timers makes one for each timeout: the browser keeps account of each function that WebAssembly hands over,
//! which a press should not wait for.

use js_sys::Function;
use std::cell::Cell;
use wasm_bindgen::{JsCast, prelude::*};

#[wasm_bindgen]
extern "C" {
    // As web-sys has them, without looking for the window each time.
    #[wasm_bindgen(js_name = setTimeout)]
    pub(super) fn set_timeout(callback: &Function, millis: u32) -> i32;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timeout: i32);
    /// Calls `callback` before the next frame is painted; not as long as the page is hidden.
    #[wasm_bindgen(js_name = requestAnimationFrame)]
    pub fn request_frame(callback: &Function);
}

/// The function that calls `action`.
pub fn callback(action: impl Fn() + 'static) -> Function {
    Closure::<dyn Fn(JsValue)>::new(move |_| action()).into_js_value().unchecked_into()
}

/// One timeout at a time: setting it ends the one before.
pub struct Alarm {
    callback: Function,
    timeout: Cell<i32>,
}

impl Alarm {
    /// Not set yet; 0 is no timeout's number.
    pub fn new(callback: Function) -> Self {
        Self { callback, timeout: Cell::new(0) }
    }

    /// Calls the callback after so many milliseconds.
    pub fn set(&self, millis: u32) {
        self.clear();
        self.timeout.set(set_timeout(&self.callback, millis));
    }

    /// Ends the timeout that is set.
    pub fn clear(&self) {
        clear_timeout(self.timeout.get());
    }
}
