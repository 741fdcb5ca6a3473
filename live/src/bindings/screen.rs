//! What a projector needs: a screen that stays on, is filled, and shows no pointer.
//!
//! Reached by name, where web-sys has it behind a flag only, and where old browsers have nothing.

use super::on;
use gloo_timers::callback::Timeout;
use js_sys::{Function, Reflect};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, VisibilityState};

/// A pointer that has not moved for so long is in the way.
const IDLE_MILLIS: u32 = 4_000;

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// Whether the page is in view.
pub fn is_visible() -> bool {
    document().is_some_and(|document| document.visibility_state() != VisibilityState::Hidden)
}

/// Asks for a screen that stays on. The browser takes that back whenever the page is hidden.
pub fn stay_awake() {
    let ask = || -> Result<(), JsValue> {
        let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
        let lock = Reflect::get(&window.navigator(), &"wakeLock".into())?;
        let request: Function = Reflect::get(&lock, &"request".into())?.dyn_into()?;
        let promise: js_sys::Promise = request.call1(&lock, &"screen".into())?.dyn_into()?;
        wasm_bindgen_futures::spawn_local(async move {
            // Refused (low battery): the screen goes by its own settings.
            let _refused = wasm_bindgen_futures::JsFuture::from(promise).await;
        });
        Ok(())
    };
    // Not there outside of secure contexts.
    let _stays_as_it_is = ask();
}

/// Fills the screen, or stops doing so.
pub fn toggle_full() {
    let Some(document) = document() else { return };
    if document.fullscreen_element().is_some() {
        document.exit_fullscreen();
    } else if let Some(root) = document.document_element() {
        // Refused, or not there (iPhones): the page stays as it is.
        let _stays = root.request_fullscreen();
    }
}

/// Marks the page while nobody moves the pointer; the style hides it then.
pub fn watch_pointer() {
    let Some(document) = document() else { return };
    let timer: Rc<RefCell<Option<Timeout>>> = Rc::default();
    let moved = {
        let document = document.clone();
        move || {
            let Some(root) = document.document_element() else { return };
            // Neither can fail: the name is valid.
            let _ = root.remove_attribute("data-idle");
            let idle = Timeout::new(IDLE_MILLIS, move || drop(root.set_attribute("data-idle", "")));
            timer.replace(Some(idle));
        }
    };
    moved();
    for kind in ["pointermove", "pointerdown", "keydown"] {
        on(&document, kind, moved.clone());
    }
}
