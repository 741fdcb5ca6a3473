//! Where the relay is: runtime configuration, so that one build runs anywhere.

/// The address that events are posted to: beside the page, or where `<meta name="relay">` says.
pub fn events_url() -> Option<String> {
    let document = web_sys::window()?.document()?;
    let relay = document
        .query_selector(r#"meta[name="relay"]"#)
        .ok()
        .flatten()
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default();
    let relay = relay.trim().trim_end_matches('/');
    let path =
        if relay.is_empty() { "./api/events".to_owned() } else { format!("{relay}/api/events") };
    let base = document.base_uri().ok().flatten()?;
    let url = web_sys::Url::new_with_base(&path, &base).ok()?;
    Some(url.href())
}
