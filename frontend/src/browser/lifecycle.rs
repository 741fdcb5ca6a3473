//! When the page is in view, hidden, or back, and when there is a network.
//!
//! No `beforeunload` and no `unload`: they fire unreliably on phones, and a page with one is not
//! kept in the back/forward cache.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget, PageTransitionEvent, VisibilityState};

/// What the browser told.
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
}

/// Whether the page is in view now.
pub fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() != VisibilityState::Hidden)
}

/// Whether the browser believes that there is a network. Only a "no" means much.
pub fn is_online() -> bool {
    web_sys::window().is_some_and(|window| window.navigator().on_line())
}

/// Calls `on_change` at each change, as long as the document lives.
pub fn listen(on_change: impl Fn(Change) + Clone + 'static) {
    let Some(window) = web_sys::window() else {
        return;
    };
    if let Some(document) = window.document() {
        add(&document, "visibilitychange", on_change.clone(), |_| {
            Some(if is_visible() { Change::Shown } else { Change::Hidden })
        });
    }
    add(&window, "pagehide", on_change.clone(), |_| Some(Change::Left));
    add(&window, "pageshow", on_change.clone(), |event| {
        let event = event.dyn_ref::<PageTransitionEvent>()?;
        (event.persisted() && is_visible()).then_some(Change::Shown)
    });
    add(&window, "online", on_change.clone(), |_| Some(Change::Online));
    add(&window, "offline", on_change, |_| Some(Change::Offline));
}

fn add(
    target: &EventTarget,
    kind: &str,
    on_change: impl Fn(Change) + 'static,
    meaning: impl Fn(&Event) -> Option<Change> + 'static,
) {
    let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        if let Some(change) = meaning(&event) {
            on_change(change);
        }
    });
    // Only an option object could be refused, and there is none.
    let _always_added =
        target.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref());
    listener.forget(); // Lives as long as the document.
}
