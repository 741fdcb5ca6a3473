//! The button page's address, for people and for their phones. Pure.

/// As people read and type it: without what browsers add by themselves.
pub fn shown(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.trim_end_matches('/')
}

/// The button page's address that a link to this page names, where a link may: at this page's own host, or at any
/// where this page is at an address without a name, as on an operator's laptop. A link to a public page with a name
/// could show the QR code of another page otherwise.
pub fn linked(url: String, host: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    // Browsers read a backslash as a slash.
    let named = rest.split(['/', '\\', '?', '#']).next()?;
    let has_name = !host.starts_with('[') && host.contains(|it: char| it.is_ascii_alphabetic());
    (named == host || !has_name || is_local(host)).then_some(url)
}

/// Whether the address leads every device to itself.
pub fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(host) => host.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") || host == "::1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_cannot_open() {
        for local in ["http://localhost:9000/", "http://127.0.0.1/", "http://[::1]:9000/x"] {
            assert!(is_local(local), "{local}");
        }
        for other in ["http://192.168.0.7:9000/", "https://localhost.example.com/", "https://a.b/"]
        {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn link_names_another_host_only_to_a_page_without_a_name() {
        let linked = |url: &str, host: &str| linked(url.to_owned(), host).is_some();
        for host in ["localhost:9000", "127.0.0.1:9000", "192.168.0.7:9000", "[fe80::1]:9000"] {
            assert!(linked("http://192.168.0.7:9000/", host), "{host}");
        }
        assert!(linked("https://button.example.com/b/?cohort=7", "button.example.com"));
        for url in [
            "https://evil.example/",
            "https://button.example.com@evil.example/",
            "https://button.example.com:8443/",
            "//button.example.com/",
            "javascript:alert(1)//button.example.com",
            "data:text/html,x",
            "ftp://button.example.com/",
            "",
        ] {
            assert!(!linked(url, "button.example.com"), "{url}");
        }
        assert!(!linked("javascript:alert(1)", "localhost:9000"));
    }

    #[test]
    fn what_people_type() {
        assert_eq!(shown("https://example.com/button/"), "example.com/button");
        assert_eq!(shown("http://192.168.0.7:9000/"), "192.168.0.7:9000");
    }
}
