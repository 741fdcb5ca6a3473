//! The client of a request, compared with an oracle that reads the header from the left.
//!
//! The first byte chooses the header and which proxies are trusted, the next four are the peer's
//! address, and each line of the rest is one line of the header.

use axum::http::{HeaderMap, HeaderValue};
use geo_ip::client_ip::{ClientIp, ForwardedHeader, TrustedProxies};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The client is the oracle's, and an untrusted peer's headers are ignored.
pub fn run(data: &[u8]) {
    let [choice, a, b, c, d, lines @ ..] = data else { return };
    let trusted: &[&str] = match choice >> 1 & 3 {
        0 => &[],
        1 => &["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"],
        2 => &["0.0.0.0/0"],
        _ => &["0.0.0.0/0", "::/0"],
    };
    let networks: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
    // Peers are trusted most of the time: otherwise there is little to see.
    let peer = match choice & 8 {
        0 => IpAddr::V4(Ipv4Addr::new(127, *b, *c, *d)),
        _ => IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d)),
    };
    let (header, name) = match choice & 1 {
        0 => (ForwardedHeader::XForwardedFor, "x-forwarded-for"),
        _ => (ForwardedHeader::Forwarded, "forwarded"),
    };
    let mut headers = HeaderMap::new();
    let lines = lines.split(|byte| *byte == b'\n');
    for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append(name, value);
    }
    let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();

    let expected = oracle(peer, &networks, header, &lines);
    let client = TrustedProxies { networks: networks.clone(), header }.client(peer, &headers);
    assert!(client == client_ip(expected), "{expected:?} was expected");
    if !networks.iter().any(|network| network.contains(&peer)) {
        assert!(client == client_ip(Some(peer)), "the header of an untrusted peer was honoured");
    }
}

/// The opaque form of an address: that of a peer without headers, or of an invalid header.
fn client_ip(address: Option<IpAddr>) -> ClientIp {
    let none = TrustedProxies::default();
    match address {
        Some(address) => none.client(address, &HeaderMap::new()),
        None => {
            let all = TrustedProxies { networks: vec!["::/0".parse().unwrap()], ..none };
            let mut invalid = HeaderMap::new();
            invalid.insert("x-forwarded-for", HeaderValue::from_static("?"));
            all.client(Ipv6Addr::LOCALHOST.into(), &invalid)
        }
    }
}

/// Collects all hops from the left; the last untrusted one is the client. An invalid hop counts as untrusted
/// and has no address.
fn oracle(
    peer: IpAddr,
    networks: &[IpNet],
    header: ForwardedHeader,
    lines: &[&[u8]],
) -> Option<IpAddr> {
    let trusts = |address: &IpAddr| networks.iter().any(|network| network.contains(address));
    let mut hops = Vec::new();
    for line in lines {
        // All entries of a line that is not text are invalid.
        let text = line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        let entries = line.split(|byte| *byte == b',');
        hops.extend(entries.map(|entry| if text { hop(header, entry) } else { None }));
    }
    hops.push(Some(peer));
    let client = hops.iter().rposition(|hop| hop.is_none_or(|hop| !trusts(&hop)));
    client.map_or(hops[0], |client| hops[client])
}

fn hop(header: ForwardedHeader, entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let node = match header {
        ForwardedHeader::XForwardedFor => entry,
        ForwardedHeader::Forwarded => {
            let pairs = entry.split(';').filter_map(|pair| pair.split_once('='));
            let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
            nodes.next()?.1.trim().trim_matches('"').trim()
        }
    };
    address(node)
}

/// An address with or without a port, recognised by the delimiters.
fn address(node: &str) -> Option<IpAddr> {
    let canonical = |address: Ipv6Addr| IpAddr::V6(address).to_canonical();
    let is_port =
        |port: &str| port.bytes().all(|it| it.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if let Some(rest) = node.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        let Some(port) = after.strip_prefix(':') else {
            return if after.is_empty() { inside.parse().ok().map(canonical) } else { None };
        };
        // With a port, a numeric zone is valid too (RFC 4007, section 11).
        let (inside, zone) = inside.split_once('%').unwrap_or((inside, "0"));
        let is_zone = zone.bytes().all(|it| it.is_ascii_digit()) && zone.parse::<u32>().is_ok();
        return inside.parse().ok().filter(|_| is_port(port) && is_zone).map(canonical);
    }
    match node.split_once(':') {
        None => node.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some((v4, port)) if v4.contains('.') => {
            v4.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::V4)
        }
        Some(_) => node.parse().ok().map(canonical),
    }
}
