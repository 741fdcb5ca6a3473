//! The button page's address, for people and for their phones. Pure.

/// As people read and type it: without what browsers add by themselves.
pub fn shown(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.trim_end_matches('/')
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
    fn what_people_type() {
        assert_eq!(shown("https://example.com/button/"), "example.com/button");
        assert_eq!(shown("http://192.168.0.7:9000/"), "192.168.0.7:9000");
    }
}
