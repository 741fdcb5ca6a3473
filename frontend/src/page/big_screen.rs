//! The way to the big screen, which is another application, one folder down: `#live` and `#stand`.

use super::driver::Driver;
use crate::bindings::dom;
use std::{cell::Cell, rc::Rc};

/// Follows the address, and what it has been before the application was there.
pub fn install(driver: &Driver) {
    let has_notice = Rc::new(Cell::new(false));
    let shown = Rc::clone(&has_notice);
    dom::listen_to_window("online", move |_| {
        if shown.take() {
            dom::set_notice("");
        }
    });
    let driver = driver.clone();
    dom::listen_to_window("hashchange", move |_| follow(&driver, &has_notice));
}

fn follow(driver: &Driver, has_notice: &Cell<bool>) {
    let Some((hash, query)) = dom::hash_and_query() else { return };
    if hash != "#live" && hash != "#stand" {
        return;
    }
    // Without a network, the browser's own error would be in the place of the page.
    if !dom::is_online() {
        dom::clear_hash();
        has_notice.set(true);
        return dom::set_notice(&driver.text("no-map"));
    }
    // It shows the presses of this visit too.
    let separator = if query.is_empty() { '?' } else { '&' };
    let session = driver.session_id();
    dom::replace_page(&format!("live/{query}{separator}session={session}{hash}"));
}
