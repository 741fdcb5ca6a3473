//! The visitor's own numbers, which the button page has handed over in the tab's `sessionStorage`.

use super::{on, places};
use handover::{Visit, key};
use wasm_bindgen::JsValue;

/// The state of an entry in the tab's history that follows one of the button page.
const AFTER_BUTTON: &str = "after-button";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn history() -> Option<web_sys::History> {
    web_sys::window()?.history().ok()
}

/// The numbers of the visit, if the visitor came from the button page. A map that was opened in another way, in the
/// same tab, shows none: the visit may be that of another person.
pub fn current() -> Option<Visit> {
    let map = web_sys::Url::new(&places::resolved(".")?).ok()?;
    let (storage, key) = (storage()?, key(&map.pathname()));
    let mut visit = Visit::parse(&storage.get_item(&key).ok()??)?;
    if std::mem::take(&mut visit.is_new) {
        // Refused: the numbers are shown, and a reload forgets them.
        let _marked = history()?.replace_state(&AFTER_BUTTON.into(), "");
        let _read = storage.set_item(&key, &visit.to_text());
        return Some(visit);
    }
    is_after_button().then_some(visit)
}

/// Keeps the page out of the back/forward cache where an `unload` listener does so. In Firefox a page from there sees
/// the `sessionStorage` as it was when it was left, without the presses since; loaded again, it sees them.
pub fn load_again_when_returned_to() {
    if let Some(window) = web_sys::window() {
        on(&window, "unload", || {});
    }
}

/// Whether the entry before this one in the tab's history is the button page.
pub fn is_after_button() -> bool {
    let is_after = || {
        let history = history()?;
        let is_marked = history.state().ok()? == JsValue::from_str(AFTER_BUTTON);
        Some(history.length().ok()? > 1 && is_marked)
    };
    is_after().unwrap_or_default()
}
