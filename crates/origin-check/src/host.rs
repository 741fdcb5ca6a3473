//! Hosts at which requests are answered (RFC 9110, section 7.4).
//!
//! A name of another site can lead to the relay (DNS rebinding). Browsers then take the relay for that site,
//! and let its pages read everything; their requests have that name as their host.

use axum::{
    extract::Request,
    http::{Version, header},
};
use std::sync::Arc;
use url::{Host, Url};

/// Top-level domains that no site of the internet has (RFC 6761, RFC 6762, and ICANN's of 2024).
const PRIVATE_DOMAINS: [&str; 3] = ["localhost", "local", "internal"];

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum HostError {
    /// RFC 9112, section 3.2.
    #[error("a request needs one valid Host")]
    Invalid,
    /// The request is for another site.
    #[error("--public-url lists no address with this host")]
    Misdirected,
}

/// Parses an address at which visitors reach the server.
///
/// # Errors
/// If it is none.
pub fn parse_public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.has_host()
    });
    url.ok_or_else(|| "not an address such as https://button.example.com".to_owned())
}

/// Which hosts requests may have.
#[derive(Clone)]
pub struct Hosts {
    listed: Arc<[Host]>,
    unlisted: Unlisted,
}

/// Hosts that are allowed without being listed.
#[derive(Clone, Copy, PartialEq)]
enum Unlisted {
    All,
    /// No site has these: IP addresses, single labels, and [`PRIVATE_DOMAINS`].
    Private,
    None,
}

impl Hosts {
    /// Those of these URLs; all, if there are none.
    pub fn public(urls: &[Url]) -> Self {
        Self::new(urls, if urls.is_empty() { Unlisted::All } else { Unlisted::None })
    }

    /// Those of these URLs, and those at which no site of the internet can be.
    pub fn private(urls: &[Url]) -> Self {
        Self::new(urls, Unlisted::Private)
    }

    fn new(urls: &[Url], unlisted: Unlisted) -> Self {
        let hosts = urls.iter().filter_map(|url| url.host().map(|host| host.to_owned()));
        Self { listed: hosts.collect(), unlisted }
    }

    /// Checks the host of a request. Balancers query `/healthz` without the server's name.
    ///
    /// # Errors
    /// If it has not exactly one valid `Host`, or another than those allowed.
    pub fn check(&self, request: &Request) -> Result<(), HostError> {
        let mut headers = request.headers().get_all(header::HOST).iter();
        let host = match (headers.next(), headers.next()) {
            (Some(value), None) => value.to_str().ok().and_then(name),
            (None, None) if request.version() < Version::HTTP_11 => Some(""),
            _ => None,
        };
        let host = host.ok_or(HostError::Invalid)?;
        // The target's goes first (RFC 9112, section 3.2.2).
        let host = request.uri().host().unwrap_or(host);
        if self.allows(host) || request.uri().path() == "/healthz" {
            return Ok(());
        }
        Err(HostError::Misdirected)
    }

    fn allows(&self, name: &str) -> bool {
        if self.unlisted == Unlisted::All {
            return true;
        }
        // The root's dot changes nothing.
        let Ok(host) = Host::parse(name.strip_suffix('.').unwrap_or(name)) else { return false };
        let is_private = match &host {
            Host::Domain(name) => name.rsplit_once('.').is_none_or(|(_, it)| is_private(it)),
            Host::Ipv4(_) | Host::Ipv6(_) => true,
        };
        self.listed.contains(&host) || self.unlisted == Unlisted::Private && is_private
    }
}

fn is_private(domain: &str) -> bool {
    PRIVATE_DOMAINS.contains(&domain)
}

/// The value of `Host` without its port, if it is valid (RFC 3986, section 3.2).
fn name(host: &str) -> Option<&str> {
    let is_valid =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:[]".contains(&byte);
    let name_end = host.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = host[name_end..].find(':').map(|colon| name_end + colon);
    let (name, port) = host.split_at(colon.unwrap_or(host.len()));
    let is_port = port.bytes().skip(1).all(|byte| byte.is_ascii_digit());
    (host.bytes().all(is_valid) && is_port).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn urls(urls: &[&str]) -> Vec<Url> {
        urls.iter().map(|url| parse_public_url(url).unwrap()).collect()
    }

    #[test]
    fn parse_public_url_accepts_only_addresses_of_http() {
        for text in ["", "*", "button.example.com", "ftp://x.example", "https://user@x.example"] {
            assert!(parse_public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn name_is_the_host_without_its_port() {
        for (host, expected) in [
            ("button.example.com", Some("button.example.com")),
            ("button.example.com:9000", Some("button.example.com")),
            ("[::1]", Some("[::1]")),
            ("[::1]:9000", Some("[::1]")),
            ("relay:", Some("relay")),
            ("", Some("")),
            ("a b", None),
            ("user@relay", None),
            ("relay/", None),
            ("relay:90x", None),
            ("::1", None),
        ] {
            assert_eq!(name(host), expected, "{host}");
        }
    }

    #[test]
    fn hosts_allow_listed_ones_in_every_spelling() {
        let hosts = Hosts::public(&urls(&[
            "https://Button.example.com/",
            "http://10.0.0.7:9000",
            "http://[::1]",
            "https://köln.example",
        ]));
        for name in ["button.EXAMPLE.com.", "10.0.0.7", "[0:0::1]", "xn--kln-sna.example"] {
            assert!(hosts.allows(name), "{name}");
        }
        for name in ["", "evil.example", "example.com", "localhost", "127.0.0.1", "[::2]", "%"] {
            assert!(!hosts.allows(name), "{name}");
        }
        assert!(Hosts::public(&[]).allows("evil.example"));
    }

    #[test]
    fn private_hosts_are_those_at_which_no_site_can_be() {
        let hosts = Hosts::private(&urls(&["https://button.example.com"]));
        for name in [
            "127.0.0.1",
            "[::1]",
            "localhost",
            "relay",
            "host.docker.internal",
            "relay.monitoring.svc.cluster.local",
            "button.example.com",
        ] {
            assert!(hosts.allows(name), "{name}");
        }
        for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""] {
            assert!(!hosts.allows(name), "{name}");
        }
    }

    fn check(hosts: &Hosts, request: &str, headers: &[&str]) -> Result<(), HostError> {
        let (target, version) = request.split_once(' ').unwrap_or((request, ""));
        let version = if version == "1.0" { Version::HTTP_10 } else { Version::HTTP_11 };
        let request = Request::builder().uri(target).version(version);
        let request = headers.iter().fold(request, |it, host| it.header("host", host.as_bytes()));
        hosts.check(&request.body(axum::body::Body::empty()).unwrap())
    }

    #[test]
    fn request_needs_one_valid_host() {
        let all = Hosts::public(&[]);
        for headers in [&[][..], &["relay", "relay"], &["a b"], &["user@relay"], &["r\u{e4}le"]] {
            assert_eq!(check(&all, "/", headers), Err(HostError::Invalid), "{headers:?}");
            assert_eq!(check(&all, "/healthz", headers), Err(HostError::Invalid), "{headers:?}");
        }
        assert_eq!(check(&all, "/", &["relay"]), Ok(()));
        assert_eq!(check(&all, "/ 1.0", &[]), Ok(()));
        assert_eq!(check(&all, "/ 1.0", &["relay", "relay"]), Err(HostError::Invalid));
    }

    #[test]
    fn request_with_another_host_is_misdirected_but_for_its_health() {
        let hosts = Hosts::public(&urls(&["https://button.example.com"]));
        for (request, host, expected) in [
            ("/", "button.example.com:8443", Ok(())),
            ("/", "evil.example", Err(HostError::Misdirected)),
            ("/", "", Err(HostError::Misdirected)),
            ("/healthz", "10.0.0.7:9000", Ok(())),
            ("http://button.example.com/", "evil.example", Ok(())),
            ("http://evil.example/", "button.example.com", Err(HostError::Misdirected)),
        ] {
            assert_eq!(check(&hosts, request, &[host]), expected, "{request} {host}");
        }
        assert_eq!(check(&hosts, "/ 1.0", &[]), Err(HostError::Misdirected));
    }
}
