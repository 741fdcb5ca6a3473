//! The page's URL for phones in the same network, and its QR code for the terminal.
//!
//! `cargo xtask run` includes this file by `#[path]`, since xtask depends on no other crate.

use fast_qr::{ECL, QRBuilder};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
};

/// The QR code of a URL, and the URL itself below it.
pub fn invitation(url: &str) -> String {
    let code = code(url).unwrap_or_default();
    let only_here = ["http://127.", "http://[::1]", "http://localhost"];
    let warning = if only_here.iter().any(|start| url.starts_with(start)) {
        "  Only this machine can open it, not phones: it is the loopback address.\n"
    } else {
        ""
    };
    format!("\n{code}\n  Scan it, or open {url}\n{warning}")
}

/// Accepts the URLs that phones open when they scan them.
///
/// # Errors
/// If it is not one; the text says what is expected.
pub fn parse_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_url = host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    is_url.then(|| text.to_owned()).ok_or("not a URL such as https://button.example.com".to_owned())
}

/// The page's URL, for a relay that listens on this address of a machine with that address in its
/// network. Without a network it has the loopback address.
pub fn page_url(listen: SocketAddr, lan_address: Option<IpAddr>) -> String {
    let ip = if listen.ip().is_unspecified() {
        lan_address.unwrap_or(Ipv4Addr::LOCALHOST.into())
    } else {
        listen.ip()
    };
    format!("http://{}/", SocketAddr::new(ip, listen.port()))
}

/// The address of this machine for others in its network.
pub fn lan_address() -> Option<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses: Vec<Address> = interfaces
        .into_iter()
        .map(|it| Address { ip: it.ip(), is_point_to_point: it.is_p2p(), interface: it.name })
        .collect();
    let mut routed = routed_interfaces(&fs::read_to_string("/proc/net/route").unwrap_or_default());
    // For systems without that file, and for IPv6.
    for ip in
        [source_address("0.0.0.0:0", "192.0.2.1:9"), source_address("[::]:0", "[2001:db8::1]:9")]
    {
        let address = addresses.iter().find(|address| Some(address.ip) == ip);
        routed.extend(address.map(|address| address.interface.clone()));
    }
    select(&addresses, &routed)
}

/// An address of a network interface.
struct Address {
    interface: String,
    ip: IpAddr,
    /// Tunnels of VPNs, mostly.
    is_point_to_point: bool,
}

/// Selects the address that phones can most likely reach: of the interface with the best route to other
/// networks, IPv4 before IPv6. The address of a VPN comes last even if the VPN has the default route,
/// since the phones are in the network below it.
fn select(addresses: &[Address], routed: &[String]) -> Option<IpAddr> {
    let is_usable = |address: &&Address| match address.ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let rank = |address: &&Address| {
        let route = routed.iter().position(|interface| *interface == address.interface);
        let is_private = matches!(address.ip, IpAddr::V4(ip) if ip.is_private());
        let route = route.unwrap_or(routed.len());
        (address.is_point_to_point, route, address.ip.is_ipv6(), !is_private)
    };
    addresses.iter().filter(is_usable).min_by_key(rank).map(|address| address.ip)
}

/// The interfaces with routes to other networks in Linux's `/proc/net/route`, the best one first. Bridges of
/// containers and virtual machines have none.
///
/// Not only the default route: a VPN may have replaced it, and still needs a route to its own server.
fn routed_interfaces(table: &str) -> Vec<String> {
    let routes = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let [interface, _, gateway, _, _, _, metric, mask, ..] = columns[..] else { return None };
        let prefix = u32::from_str_radix(mask, 16).ok()?.count_ones();
        let metric: u32 = metric.parse().ok()?;
        (prefix == 0 || gateway != "00000000").then_some((prefix, metric, interface))
    });
    let mut routes: Vec<_> = routes.collect();
    routes.sort_unstable();
    routes.into_iter().map(|(_, _, interface)| interface.to_owned()).collect()
}

/// The address from which the system would send to `remote`. Connecting a UDP socket sends nothing.
fn source_address(local: &str, remote: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(local).ok()?;
    socket.connect(remote).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The QR code in half blocks, two modules per character; `None` if the text is too long. It is dark on
/// light whatever the terminal's colours are, with the quiet zone that scanners need (ISO/IEC 18004).
fn code(text: &str) -> Option<String> {
    const QUIET_ZONE: i32 = 4;
    const BLACK_ON_WHITE: &str = "\x1b[30;107m";
    const RESET: &str = "\x1b[0m";
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let size = i32::try_from(code.size).ok()?;
    let is_dark = |x: i32, y: i32| {
        let is_inside = (0..size).contains(&x) && (0..size).contains(&y);
        is_inside && code[y.unsigned_abs() as usize][x.unsigned_abs() as usize].value()
    };
    let range = -QUIET_ZONE..size + QUIET_ZONE;
    let lines = range.clone().step_by(2).map(|y| {
        let cells = range.clone().map(|x| match (is_dark(x, y), is_dark(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        format!("{BLACK_ON_WHITE}{}{RESET}\n", cells.collect::<String>())
    });
    Some(lines.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const ROUTES: &str =
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    /// Addresses by interface, in the order in which the system lists them.
    fn selected(addresses: &[(&str, &str)], routed: &[&str]) -> Option<String> {
        let address = |(interface, ip): &(&str, &str)| Address {
            interface: (*interface).to_owned(),
            ip: ip.parse().unwrap(),
            is_point_to_point: ["tun", "wg", "ppp"].iter().any(|it| interface.starts_with(it)),
        };
        let addresses: Vec<Address> = addresses.iter().map(address).collect();
        let routed: Vec<String> = routed.iter().map(|it| (*it).to_owned()).collect();
        select(&addresses, &routed).map(|ip| ip.to_string())
    }

    #[test]
    fn address_is_that_of_the_default_route() {
        let (lo, docker) = (("lo", "127.0.0.1"), ("docker0", "172.17.0.1"));
        let (wlan, wlan6) = (("wlan0", "192.168.1.23"), ("wlan0", "2001:db8:1::23"));
        let (eth, zeroconf) = (("eth0", "203.0.113.5"), ("eth0", "169.254.9.9"));
        let (local6, lo6) = (("wlan0", "fe80::23"), ("lo", "::1"));
        let (tun, wg) = (("tun0", "10.8.0.2"), ("wg0", "10.9.0.2"));
        for (addresses, routed, expected) in [
            (&[lo, docker, wlan][..], &["wlan0"][..], "192.168.1.23"),
            // Two networks: the better route.
            (&[eth, wlan], &["eth0", "wlan0"], "203.0.113.5"),
            (&[eth, wlan], &["wlan0", "eth0"], "192.168.1.23"),
            // A VPN has the default route; the network below it has one of its own, or none.
            (&[lo, docker, wlan, tun], &["tun0", "wlan0"], "192.168.1.23"),
            (&[lo, wg, wlan], &["wg0"], "192.168.1.23"),
            (&[lo, tun], &["tun0"], "10.8.0.2"),
            // IPv6 as well, and IPv6 alone.
            (&[lo, lo6, local6, wlan6, wlan], &["wlan0"], "192.168.1.23"),
            (&[lo, lo6, docker, local6, wlan6], &["wlan0"], "2001:db8:1::23"),
            // Link-local addresses do not work in URLs, or only sometimes.
            (&[lo, zeroconf, local6, wlan], &["eth0"], "192.168.1.23"),
            // No default route: a network without a way out.
            (&[lo, wlan], &[], "192.168.1.23"),
            (&[eth, wlan], &[], "192.168.1.23"),
        ] {
            let selected = selected(addresses, routed);
            assert_eq!(selected.as_deref(), Some(expected), "{addresses:?} {routed:?}");
        }
        for addresses in [&[][..], &[lo, lo6], &[lo, zeroconf, local6]] {
            assert_eq!(selected(addresses, &["eth0"]), None, "{addresses:?}");
        }
    }

    #[test]
    fn routes_are_sorted_by_prefix_and_metric() {
        let local = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                     wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n";
        let wlan = "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n";
        let eth = "eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        let tun = "tun0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0\n";
        let server = "wlan0\t077100CB\t0101A8C0\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";
        for (routes, expected) in [
            (&[local, wlan][..], &["wlan0"][..]),
            (&[local, wlan, eth], &["eth0", "wlan0"]),
            (&[wlan, tun, local], &["tun0", "wlan0"]),
            (&[tun, server, local], &["tun0", "wlan0"]),
            (&[local], &[]),
            (&["broken line\n"], &[]),
        ] {
            assert_eq!(routed_interfaces(&[&[ROUTES], routes].concat().concat()), expected);
        }
    }

    #[test]
    fn page_url_replaces_the_unspecified_address() {
        let lan = Some("192.168.1.23".parse().unwrap());
        for (listen, lan, expected) in [
            ("0.0.0.0:9000", lan, "http://192.168.1.23:9000/"),
            ("[::]:80", Some("2001:db8::1".parse().unwrap()), "http://[2001:db8::1]:80/"),
            ("192.0.2.7:9000", lan, "http://192.0.2.7:9000/"),
            ("0.0.0.0:9000", None, "http://127.0.0.1:9000/"),
        ] {
            assert_eq!(page_url(listen.parse().unwrap(), lan), expected);
        }
    }

    #[test]
    fn invitation_has_the_code_and_the_url() {
        let text = invitation("https://example.com/");
        assert!(text.ends_with("\n  Scan it, or open https://example.com/\n"), "{text}");
        let rows: Vec<&str> =
            text.lines().filter(|line| line.starts_with("\x1b[30;107m")).collect();
        // Version 2: 25 modules and 4 on each side.
        assert_eq!(rows.len(), 17);
        assert!(rows.iter().all(|row| row.chars().filter(|c| " █▀▄".contains(*c)).count() == 33));
        assert!(rows[2].contains("m    █▀▀▀▀▀█ "), "the finder pattern after the quiet zone");
        assert!(invitation("http://127.0.0.1:9000/").contains("Only this machine"));
        assert!(invitation(&"x".repeat(5000)).lines().all(|line| !line.contains('█')));
    }

    #[test]
    fn text_without_a_scheme_is_no_url() {
        assert!(parse_url("https://button.example.com").is_ok());
        for text in ["button.example.com", "https://", "http://a b", "ftp://a"] {
            assert!(parse_url(text).is_err(), "{text}");
        }
    }
}
