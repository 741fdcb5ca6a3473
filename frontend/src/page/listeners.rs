//! What the browser reports while the page is open. `boot.js` has noted it before.

use super::{
    big_screen,
    driver::{Change, Driver},
};
use crate::bindings::dom;
use gloo_timers::callback::Interval;
use wasm_bindgen::JsCast;
use web_sys::{Element, PageTransitionEvent};

/// How often a page looks for what others have left behind.
const ADOPT_INTERVAL_MILLIS: u32 = 60_000;

/// Installs all listeners.
///
/// No `beforeunload` and no `unload`: they fire unreliably on phones, and a page with one is not kept in
/// the back/forward cache.
pub fn install(driver: &Driver) {
    let visibility = driver.clone();
    dom::listen_to_document("visibilitychange", move |_| {
        visibility.handle(if dom::is_visible() { Change::Shown } else { Change::Hidden });
    });
    let left = driver.clone();
    dom::listen_to_window("pagehide", move |_| left.handle(Change::Hidden));
    let back = driver.clone();
    dom::listen_to_window("pageshow", move |event| {
        if event.unchecked_into::<PageTransitionEvent>().persisted() && dom::is_visible() {
            back.handle(Change::Shown);
        }
    });
    for (kind, change) in [("online", Change::Online), ("offline", Change::Offline)] {
        let network = driver.clone();
        dom::listen_to_window(kind, move |_| network.handle(change));
    }
    let adopter = driver.clone();
    Interval::new(ADOPT_INTERVAL_MILLIS, move || adopter.handle(Change::AdoptionDue)).forget();

    let pressed = driver.clone();
    dom::listen_to_document("click", move |event| {
        let Some(target) = event.target().map(|target| target.unchecked_into::<Element>()) else {
            return;
        };
        // Not the target itself: translations and extensions wrap the words in elements of their own.
        let is_in = |selector| target.closest(selector).is_ok_and(|found| found.is_some());
        if is_in("#button") {
            pressed.handle(Change::Pressed);
        } else if is_in("footer a") && !dom::opens_elsewhere(&event) {
            event.prevent_default();
            big_screen::open(&pressed, "#live");
        } else if is_in("#about") {
            // Its `command` opens the panel where this listener is not there (yet).
            event.prevent_default();
            dom::open_panel();
        } else if is_in("#close") || target.id() == "panel" {
            // The panel itself is its backdrop.
            dom::close_panel();
        }
    });
    big_screen::install(driver);
}
