//! The document, its window and what the browser knows of both.

use super::alarm;
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::{JsCast, prelude::*};
use web_sys::{Document, Element, Event, EventTarget, HtmlElement, MouseEvent, VisibilityState};

// As in web-sys, but with an exception, not an end, where the browser has no such method.
#[wasm_bindgen]
extern "C" {
    type Dialog;
    #[wasm_bindgen(method, catch, js_name = showModal)]
    fn show_modal(this: &Dialog) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &Dialog) -> Result<(), JsValue>;

    type Vibrator;
    #[wasm_bindgen(method, catch)]
    fn vibrate(this: &Vibrator, millis: u32) -> Result<(), JsValue>;
}

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

/// The element of this id.
pub fn element(id: &str) -> Option<Element> {
    document()?.get_element_by_id(id)
}

/// The content of the meta element of this name; empty where there is none.
pub fn meta(name: &str) -> String {
    let content = || {
        let selector = format!("meta[name={name}]");
        document()?.query_selector(&selector).ok()??.get_attribute("content")
    };
    content().unwrap_or_default()
}

/// The language that the document is in.
pub fn language() -> String {
    let root = document().and_then(|document| document.document_element());
    root.and_then(|root| root.get_attribute("lang")).unwrap_or_default()
}

/// Whether the page is in view.
pub fn is_visible() -> bool {
    document().is_some_and(|document| document.visibility_state() != VisibilityState::Hidden)
}

/// Whether the browser believes that there is a network. Only a "no" means much.
pub fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Calls `listener` at each such event, as long as the document lives.
pub fn listen(target: &EventTarget, kind: &str, listener: impl Fn(Event) + 'static) {
    let listener = Closure::<dyn Fn(Event)>::new(listener);
    // Only an option object could be refused, and there is none.
    let _always_added =
        target.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref());
    listener.forget();
}

/// Calls `listener` at each such event of the document.
pub fn listen_to_document(kind: &str, listener: impl Fn(Event) + 'static) {
    if let Some(document) = document() {
        listen(&document, kind, listener);
    }
}

/// Calls `listener` at each such event of the window.
pub fn listen_to_window(kind: &str, listener: impl Fn(Event) + 'static) {
    if let Some(window) = web_sys::window() {
        listen(&window, kind, listener);
    }
}

/// A promise that is resolved after so many milliseconds.
pub fn timeout(millis: u32) -> Promise {
    Promise::new(&mut |resolve, _| {
        alarm::set_timeout(&resolve, millis);
    })
}

/// Puts text into the element of this id.
pub fn set_text(id: &str, text: &str) {
    if let Some(element) = element(id) {
        element.set_text_content(Some(text));
    }
}

/// Shows a notice over the page, or hides it where there is no text.
pub fn set_notice(text: &str) {
    set_text("notice", text);
    if let Some(notice) = element("notice") {
        // The name is valid.
        let _is_set = match text {
            "" => notice.set_attribute("hidden", ""),
            _ => notice.remove_attribute("hidden"),
        };
    }
}

/// Shows the hidden link of this id, which leads to this address.
pub fn show_link(id: &str, address: &str) {
    if let Some(link) = element(id) {
        // The names are valid.
        let _leads = link.set_attribute("href", address);
        let _shown = link.remove_attribute("hidden");
    }
}

/// Whether the element of this id has the focus.
pub fn has_focus(id: &str) -> bool {
    let focused = document().and_then(|document| document.active_element());
    focused.is_some_and(|focused| focused.id() == id)
}

/// Gives the focus to the element of this id.
pub fn focus(id: &str) {
    if let Some(element) = element(id) {
        // An element that takes no focus keeps what there is.
        let _focused = element.unchecked_into::<HtmlElement>().focus();
    }
}

/// Opens the dialog; where browsers have none (before 2022), it stands in the page.
pub fn open_panel() {
    let Some(panel) = element("panel") else { return };
    if panel.unchecked_ref::<Dialog>().show_modal().is_err() {
        // The name is valid.
        let _open = panel.set_attribute("open", "");
    }
}

/// Closes it. What had the focus before has it again.
pub fn close_panel() {
    let Some(panel) = element("panel") else { return };
    if panel.unchecked_ref::<Dialog>().close().is_err() {
        // The name is valid.
        let _closed = panel.remove_attribute("open");
    }
}

/// Lets the device vibrate, where there is such a thing: iPhones have none.
pub fn vibrate(millis: u32) {
    if let Some(window) = web_sys::window() {
        // Refused before the visitor has touched the page.
        let _vibrates = window.navigator().unchecked_into::<Vibrator>().vibrate(millis);
    }
}

/// The part of the address behind `#`, with it; empty where there is none.
pub fn hash() -> String {
    web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default()
}

/// The query of the address, with its `?`; empty where there is none.
pub fn query() -> String {
    web_sys::window().and_then(|window| window.location().search().ok()).unwrap_or_default()
}

/// The URL that relative ones are relative to.
pub fn base_url() -> Option<String> {
    document()?.base_uri().ok().flatten()
}

/// Whether a click on a link opens it in a tab or a window of its own.
pub fn opens_elsewhere(click: &Event) -> bool {
    let click = click.unchecked_ref::<MouseEvent>();
    click.ctrl_key() || click.meta_key() || click.shift_key()
}

/// Takes `#` and what is behind it out of the address, so that the same link leads there again.
pub fn clear_hash() {
    let clear = || {
        let window = web_sys::window()?;
        let location = window.location();
        let address = format!("{}{}", location.pathname().ok()?, location.search().ok()?);
        let history = window.history().ok()?;
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address)).ok()
    };
    // Refused, as on a page without an origin: then it stays.
    let _cleared = clear();
}

/// Goes to another page. This one stays in the tab's history.
pub fn open_page(address: &str) {
    if let Some(window) = web_sys::window() {
        // Fails for what is no address only.
        let _goes = window.location().assign(address);
    }
}

/// A JavaScript object with these properties.
pub fn object(properties: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // Fails for frozen objects only.
        let _is_set = Reflect::set(&object, &(*name).into(), value);
    }
    object
}
