//! Where things are: runtime configuration, so that one build runs anywhere.

use crate::address;
use page_texts::policy;

fn meta(name: &str) -> String {
    let document = web_sys::window().and_then(|window| window.document());
    document
        .and_then(|document| document.query_selector(&format!(r#"meta[name="{name}"]"#)).ok()?)
        .and_then(|meta| meta.get_attribute("content"))
        .map(|content| content.trim().to_owned())
        .unwrap_or_default()
}

/// An address that is relative to this page.
pub fn resolved(path: &str) -> Option<String> {
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
