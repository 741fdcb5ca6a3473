//! The way to the big screen, which is another application, one folder down: `#live` and `#stand`.
//!
//! It is a navigation of its own in the tab's history: the browser keeps this page meanwhile, with its session
//! and its presses, in the back/forward cache. A page that is replaced is not kept.

use super::driver::Driver;
use crate::bindings::{dom, session_storage::MAP_FOLDER};

/// Follows the address, which a visitor has typed.
pub fn install(driver: &Driver) {
    // The one notice that there is once the application is.
    dom::listen_to_window("online", |_| dom::set_notice(""));
    let driver = driver.clone();
    dom::listen_to_window("hashchange", move |_| {
        let hash = dom::hash();
        if hash == "#live" || hash == "#stand" {
            // Coming back must not lead on at once.
            dom::clear_hash();
            open(&driver, &hash);
        }
    });
}

/// Opens it, at this hash.
pub fn open(driver: &Driver, hash: &str) {
    // Without a network, the browser's own error would be in the place of the page.
    if !dom::is_online() {
        return dom::set_notice(&driver.text("no-map"));
    }
    // It shows the presses of this visit, too.
    driver.hand_over();
    dom::open_page(&[MAP_FOLDER, &dom::query(), hash].concat());
}
