//! A press that is felt.

use wasm_bindgen::JsCast;

/// A short buzz, where there is any: iPhones have none, and the missing method would throw.
pub fn buzz() {
    let Some(navigator) = web_sys::window().map(|window| window.navigator()) else {
        return;
    };
    let vibrate = js_sys::Reflect::get(&navigator, &"vibrate".into()).ok();
    if let Some(vibrate) = vibrate.and_then(|vibrate| vibrate.dyn_into::<js_sys::Function>().ok()) {
        // Refused without a recent tap: then there is nothing to feel.
        let _not_felt = vibrate.call1(&navigator, &12.into());
    }
}
