//! What `boot.js` hands over.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// Ends the notes of `boot.js` and returns them, as JSON (see [`crate::early`]).
    #[wasm_bindgen(js_namespace = kafkaButton, js_name = takeOver)]
    pub fn take_over() -> String;

    #[wasm_bindgen(thread_local_v2, js_namespace = kafkaButton, js_name = texts)]
    static TEXTS: Promise;

    #[wasm_bindgen(thread_local_v2, js_namespace = kafkaButton, js_name = language)]
    static LANGUAGE: String;
}

/// The visitor's language, whose file may not be there yet.
pub fn language() -> String {
    LANGUAGE.with(String::clone)
}

/// The file of the visitor's language, as soon as it is there.
pub async fn texts() -> Option<String> {
    JsFuture::from(TEXTS.with(Promise::clone)).await.ok()?.as_string()
}
