//! Where things are: runtime configuration, so that one build runs anywhere.

use crate::{address, own};
use page_texts::policy;
use schemas::Uuid;
use wasm_bindgen::JsValue;

fn meta(name: &str) -> String {
    let document = web_sys::window().and_then(|window| window.document());
    document
        .and_then(|document| document.query_selector(&format!(r#"meta[name="{name}"]"#)).ok()?)
        .and_then(|meta| meta.get_attribute("content"))
        .map(|content| content.trim().to_owned())
        .unwrap_or_default()
}

fn resolved(path: &str) -> Option<String> {
    let base = web_sys::window()?.document()?.base_uri().ok().flatten()?;
    Some(web_sys::Url::new_with_base(path, &base).ok()?.href())
}

/// An address of the relay: beside the button page, which is one folder up, or where
/// `<meta name="relay">` says.
pub fn of_relay(path: &str) -> Option<String> {
    match meta("relay").trim_end_matches('/') {
        "" => resolved(&format!("../{path}")),
        relay => resolved(&format!("{relay}/{path}")),
    }
}

/// The button page's address: that in `?url=`, where a link may name it, or in `<meta name="page-url">`, or one
/// folder up.
pub fn button_page() -> String {
    let linked = || {
        let location = web_sys::window()?.location();
        let search = location.search().ok()?;
        let url = web_sys::UrlSearchParams::new_with_str(&search).ok()?.get("url")?;
        address::linked(url, &location.host().ok()?)
    };
    let said = linked().unwrap_or_else(|| meta("page-url"));
    if said.is_empty() { resolved("../").unwrap_or_default() } else { said }
}

/// The operator's privacy policy, where `<meta name="privacy-url">` names one.
pub fn privacy_policy() -> Option<String> {
    policy::address(&meta("privacy-url")).map(str::to_owned)
}

/// The visitor's session, if the button page named it on the way here. The address bar does not show
/// it: who is given the address is somebody else. The browser remembers it beside the address, for
/// as long as the tab has this page in its history.
pub fn session() -> Option<Uuid> {
    let window = web_sys::window()?;
    let (location, history) = (window.location(), window.history().ok()?);
    if let Some((session, query)) = own::taken_from(&location.search().ok()?) {
        let address =
            format!("{}{query}{}", location.pathname().ok()?, location.hash().unwrap_or_default());
        let state = JsValue::from_str(&session.hyphenated().to_string());
        // Refused: then it is shown.
        let _shown = history.replace_state_with_url(&state, "", Some(&address));
        return Some(session);
    }
    Uuid::try_parse(&history.state().ok()?.as_string()?).ok()
}

/// Whether the entry before this one in the tab's history is the button page: it named its session, which is
/// kept beside this entry.
pub fn came_from_button() -> bool {
    let came = || {
        let history = web_sys::window()?.history().ok()?;
        Some(history.length().ok()? > 1 && history.state().ok()?.is_string())
    };
    came().unwrap_or_default()
}

/// Goes back to the page before this one, as the browser's own button does.
pub fn go_back() {
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        // Fails in documents that are not shown any more only.
        let _goes = history.back();
    }
}

/// Whether this is the projector's page.
pub fn is_stand() -> bool {
    let hash = web_sys::window().and_then(|window| window.location().hash().ok());
    hash.is_some_and(|hash| hash == "#stand")
}
