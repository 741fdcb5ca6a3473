//! Client IP: the peer's address, or the one that trusted proxies report in a forwarding header.
//!
//! Pure: no look-ups, no logging. [`ClientIp`] has no `Display`, and its `Debug` omits the address, so no
//! address is printed by accident.

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which trusted proxies report the client. Only one is read: a proxy that writes one header
/// passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, written by nearly all proxies.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Options: proxies whose forwarding header is honoured.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TrustedProxies {
    /// Networks of trusted proxies, such as 10.0.0.0/8 or 127.0.0.1, separated by commas.
    /// Forwarding headers are honoured only for requests from these networks.
    #[arg(long = "trusted-proxies", env = "RELAY_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    pub networks: Vec<IpNet>,

    /// Header in which trusted proxies pass the client's address.
    #[arg(
        long = "forwarded-header",
        env = "RELAY_FORWARDED_HEADER",
        value_name = "HEADER",
        value_enum,
        default_value_t
    )]
    pub header: ForwardedHeader,
}

/// Parses a network, or a single address as a network of one.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "not a network such as 10.0.0.0/8 or an address such as 127.0.0.1".to_owned())
}

/// The client's address; none if a trusted proxy reported an invalid one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(Option<IpAddr>);

impl fmt::Debug for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIp(redacted)")
    }
}

/// Scope of an address: only public ones can have a place in the geo database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AddressScope {
    /// The relay's own machine.
    Localhost,
    /// A private, link-local or shared (carrier-grade NAT) network.
    PrivateNetwork,
    /// The public internet.
    Public(IpAddr),
    /// None: an invalid, reserved or multicast address.
    Unknown,
}

impl TrustedProxies {
    /// The client of a request from `peer`.
    ///
    /// The header is honoured only if the peer itself is trusted. Its entries are read from the right, the
    /// side that the nearest proxy wrote, and the first untrusted address is the client: all entries further
    /// left were sent by the client and can be forged. An invalid entry before that leaves no address.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientIp {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return ClientIp(Some(peer));
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        let mut client = peer;
        // Several lines of a header are one list (RFC 9110, section 5.3).
        let lines: Vec<_> = headers.get_all(name).iter().collect();
        for line in lines.into_iter().rev() {
            let Ok(line) = line.to_str() else { return ClientIp(None) };
            for entry in line.rsplit(',') {
                let address = match self.header {
                    ForwardedHeader::XForwardedFor => parse_address(entry),
                    ForwardedHeader::Forwarded => forwarded_for(entry).and_then(parse_address),
                };
                let Some(address) = address else { return ClientIp(None) };
                client = address;
                if !self.trusts(client) {
                    return ClientIp(Some(client));
                }
            }
        }
        ClientIp(Some(client))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The `for` parameter of one element of a `Forwarded` header (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// Parses the notations that proxies use: bare, with a port, in brackets, IPv4-mapped IPv6. Bare addresses
/// are tried first, so that the last group of an IPv6 address is not parsed as a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())?;
    Some(address.to_canonical())
}

impl ClientIp {
    /// The scope of the address, by the IANA special-purpose address registries (RFC 6890).
    pub fn scope(self) -> AddressScope {
        let Some(address) = self.0 else { return AddressScope::Unknown };
        match address {
            _ if address.is_loopback() => AddressScope::Localhost,
            _ if address.is_unspecified() || address.is_multicast() => AddressScope::Unknown,
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                // 100.64.0.0/10 is the shared address space of providers (RFC 6598).
                if v4.is_private() || v4.is_link_local() || (a == 100 && b & 0xc0 == 64) {
                    AddressScope::PrivateNetwork
                } else if v4.is_broadcast() || a == 0 || a >= 240 {
                    AddressScope::Unknown
                } else {
                    AddressScope::Public(address)
                }
            }
            IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => {
                AddressScope::PrivateNetwork
            }
            IpAddr::V6(_) => AddressScope::Public(address),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(trusted: &[&str], header: ForwardedHeader, peer: &str, lines: &[&str]) -> ClientIp {
        let networks = trusted.iter().map(|cidr| cidr.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = match header {
                ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
                ForwardedHeader::Forwarded => FORWARDED,
            };
            headers.append(name, line.parse().unwrap());
        }
        TrustedProxies { networks, header }.client(ip(peer), &headers)
    }

    fn xff(trusted: &[&str], peer: &str, lines: &[&str]) -> Option<IpAddr> {
        client(trusted, ForwardedHeader::XForwardedFor, peer, lines).0
    }

    #[test]
    fn header_from_untrusted_peer_is_ignored() {
        assert_eq!(xff(&[], "203.0.114.1", &["1.2.3.4"]), Some(ip("203.0.114.1")));
        assert_eq!(xff(&["10.0.0.0/8"], "11.0.0.1", &["1.2.3.4"]), Some(ip("11.0.0.1")));
    }

    #[test]
    fn client_is_first_untrusted_address_from_the_right() {
        let trusted = ["10.0.0.0/8", "127.0.0.1/32"];
        let spoofed = ["1.2.3.4, 91.187.96.1", "10.1.1.1"];
        assert_eq!(xff(&trusted, "127.0.0.1", &spoofed), Some(ip("91.187.96.1")));
        assert_eq!(xff(&trusted, "127.0.0.1", &["10.0.0.7,10.0.0.8"]), Some(ip("10.0.0.7")));
        assert_eq!(xff(&trusted, "127.0.0.1", &[]), Some(ip("127.0.0.1")));
    }

    #[test]
    fn parse_address_accepts_proxy_notations() {
        for (text, expected) in [
            ("1.2.3.4", "1.2.3.4"),
            (" 1.2.3.4:55220 ", "1.2.3.4"),
            ("2001:db8::9c82", "2001:db8::9c82"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("::ffff:222.1.41.90", "222.1.41.90"),
            ("[::ffff:222.1.41.90]:1", "222.1.41.90"),
        ] {
            assert_eq!(parse_address(text), Some(ip(expected)), "{text}");
        }
        for text in ["", "unknown", "_hidden", "1.2.3", "1.2.3.4:port", "[1.2.3.4", "::1]", "é"] {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }

    #[test]
    fn forwarded_header_is_read_if_configured() {
        let parse =
            |line| client(&["127.0.0.1/32"], ForwardedHeader::Forwarded, "127.0.0.1", &[line]).0;
        assert_eq!(
            parse("for=1.1.1.1, For=\"[2001:db8::7]:99\";proto=https"),
            Some(ip("2001:db8::7"))
        );
        assert_eq!(parse("by=1.1.1.1"), None);
        assert_eq!(parse("for=unknown"), None);
    }

    #[test]
    fn scope_follows_special_purpose_registries() {
        let scope = |text| ClientIp(Some(ip(text))).scope();
        for local in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(scope(local) == AddressScope::Localhost, "{local}");
        }
        for private in [
            "10.1.1.1",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.1.1",
            "fe80::1",
            "fd00::1",
        ] {
            assert!(scope(private) == AddressScope::PrivateNetwork, "{private}");
        }
        for unknown in ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"] {
            assert!(scope(unknown) == AddressScope::Unknown, "{unknown}");
        }
        for public in ["100.128.0.1", "172.32.0.1", "91.187.96.1", "2600::1"] {
            assert!(scope(public) == AddressScope::Public(ip(public)), "{public}");
        }
        assert!(ClientIp(None).scope() == AddressScope::Unknown);
    }

    #[test]
    fn debug_output_has_no_address() {
        assert_eq!(format!("{:?}", ClientIp(Some(ip("91.187.96.1")))), "ClientIp(redacted)");
    }

    proptest! {
        #[test]
        fn client_of_any_header_does_not_panic(lines in prop::collection::vec(any::<Vec<u8>>(), 0..4)) {
            let mut headers = HeaderMap::new();
            for line in lines {
                if let Ok(value) = axum::http::HeaderValue::from_bytes(&line) {
                    headers.append(X_FORWARDED_FOR, value.clone());
                    headers.append(FORWARDED, value);
                }
            }
            for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
                let networks = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
                TrustedProxies { networks, header }.client(ip("127.0.0.1"), &headers);
            }
        }

        /// Entries that the client sends itself never become its address.
        #[test]
        fn client_cannot_forge_its_address(claims in "[ -+\\-./0-9:;=\\[\\]a-f]{0,60}", real in any::<[u8; 4]>()) {
            let real = IpAddr::from(real);
            prop_assume!(real != ip("127.0.0.1"));
            let line = format!("{claims}, {real}");
            prop_assert_eq!(xff(&["127.0.0.1/32"], "127.0.0.1", &[&line]), Some(real));
        }
    }
}
