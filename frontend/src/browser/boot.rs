//! What `boot.js` noted before the application was up.

use crate::early::Early;
use wasm_bindgen::{JsCast, JsValue};

/// Takes over from `boot.js`, which notes nothing from now on. Without it: nothing was noted.
pub fn take_over() -> Early {
    let text = web_sys::window()
        .and_then(|window| js_sys::Reflect::get(&window, &"kafkaButton".into()).ok())
        .and_then(|boot| js_sys::Reflect::get(&boot, &"takeOver".into()).ok())
        .and_then(|take_over| take_over.dyn_into::<js_sys::Function>().ok())
        .and_then(|take_over| take_over.call0(&JsValue::UNDEFINED).ok())
        .and_then(|text| text.as_string());
    Early::parse(&text.unwrap_or_default())
}
