//! Web Locks, where there are any (secure contexts): how one of several pages adopts an outbox.
//!
//! Reached by name, since web-sys has them behind a flag only.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

/// A lock that this page holds, until this is dropped or the page dies.
#[derive(Debug)]
pub struct Held(Function);

impl Drop for Held {
    fn drop(&mut self) {
        // Resolving a promise cannot fail.
        let _released = self.0.call0(&JsValue::UNDEFINED);
    }
}

fn manager() -> Option<JsValue> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    locks.is_object().then_some(locks)
}

/// Whether there are locks at all.
pub fn exist() -> bool {
    manager().is_some()
}

/// Calls `then` with the lock of this name, unless another page holds it or there are none.
pub fn try_hold(name: &str, then: impl FnOnce(Held) + 'static) {
    let Some(locks) = manager() else { return };
    let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        if lock.is_null() {
            return JsValue::UNDEFINED;
        }
        let mut release = None;
        let until = Promise::new(&mut |resolve, _| release = Some(resolve));
        if let Some(release) = release {
            then(Held(release));
        }
        until.into()
    });
    let options = Object::new();
    let request = Reflect::set(&options, &"ifAvailable".into(), &true.into())
        .and_then(|_| Reflect::get(&locks, &"request".into()));
    if let Ok(request) = request
        && let Ok(request) = request.dyn_into::<Function>()
    {
        // Refused (a page without an origin): then the lock is never had, and nothing adopted.
        let _never_called = request.call3(&locks, &name.into(), &options, &callback);
    }
}
