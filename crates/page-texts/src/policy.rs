//! The operator's own privacy policy, which `<meta name="privacy-url">` names.

/// The address of the policy; `None` where there is none, or one that is no web page's.
pub fn address(content: &str) -> Option<&str> {
    let address = content.trim();
    let (scheme, rest) = address.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    (is_web && !rest.is_empty()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_one_of_a_web_page() {
        for good in ["https://example.com/privacy", "http://192.0.2.7/#a", "HTTPS://example.com"] {
            assert_eq!(address(good), Some(good));
        }
        assert_eq!(address(" https://example.com/\n"), Some("https://example.com/"));
        for bad in [
            "",
            " ",
            "https://",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "java\nscript://x",
            "data:text/html,x",
            "//example.com/",
            "/privacy",
            "privacy.html",
            "ftp://example.com/",
            "\u{1}https://example.com/",
        ] {
            assert_eq!(address(bad), None, "{bad:?}");
        }
    }
}
