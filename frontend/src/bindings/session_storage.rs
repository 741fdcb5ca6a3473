//! The tab's `sessionStorage`, by which the page hands its visit over to the map. Even the access may throw (cookies
//! blocked, private mode): then the map has no numbers of the visit.

use super::dom;
use handover::{Visit, key};

/// The map's folder, relative to this page.
pub const MAP_FOLDER: &str = "live/";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn map_key() -> Option<String> {
    let map = web_sys::Url::new_with_base(MAP_FOLDER, &dom::base_url()?).ok()?;
    Some(key(&map.pathname()))
}

/// Whether the map has been opened in this tab.
pub fn has_visit() -> bool {
    let stored = || storage()?.get_item(&map_key()?).ok()?;
    stored().is_some()
}

/// Hands the visit over.
pub fn store_visit(visit: &Visit) {
    let store = || storage()?.set_item(&map_key()?, &visit.to_text()).ok();
    // Blocked or full: the map shows everybody's numbers.
    let _stored = store();
}
