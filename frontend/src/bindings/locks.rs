//! Web Locks, which web-sys has behind an unstable flag.

use super::dom;
use js_sys::{Function, Object, Promise};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen]
extern "C" {
    type Navigator;
    #[wasm_bindgen(method, getter)]
    fn locks(this: &Navigator) -> Option<LockManager>;

    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        callback: &JsValue,
    ) -> Result<Promise, JsValue>;
}

fn manager() -> Option<LockManager> {
    web_sys::window()?.navigator().unchecked_into::<Navigator>().locks()
}

/// Whether there are Web Locks: in secure contexts.
pub fn locks_exist() -> bool {
    manager().is_some()
}

/// A lock that this page holds; dropping it releases it.
pub struct Lock(Option<Function>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            // A promise's own function does not throw.
            let _is_released = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Calls `on_acquired` when this page has the lock of this name; never, if it is held already.
pub fn try_lock(name: &str, on_acquired: impl FnOnce(Lock) + 'static) {
    let Some(manager) = manager() else { return };
    let options = dom::object(&[("ifAvailable", JsValue::TRUE)]);
    let callback = Closure::once_into_js(move |lock: JsValue| {
        if lock.is_null() {
            return JsValue::UNDEFINED;
        }
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        on_acquired(Lock(release));
        held.into()
    });
    if let Ok(promise) = manager.request(name, &options, &callback) {
        spawn_local(async move {
            // Rejected on a page without an origin: then the lock is never had.
            let _ended = JsFuture::from(promise).await;
        });
    }
}
