//! Bindings to a real browser. Thin: whatever decides something is in the pure cores.

pub mod locale;
pub mod places;
mod request;
pub mod screen;
pub mod visit;
pub mod wire;

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, EventTarget};

/// Calls `then` at each such event, as long as the document lives.
pub fn on(target: &EventTarget, kind: &str, then: impl Fn() + 'static) {
    let listener = Closure::<dyn Fn(Event)>::new(move |_| then());
    // Only an option object could be refused, and there is none.
    let _always_added =
        target.add_event_listener_with_callback(kind, listener.as_ref().unchecked_ref());
    listener.forget(); // Lives as long as the document.
}
