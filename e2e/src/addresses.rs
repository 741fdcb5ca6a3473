//! Addresses of visitors that must turn up nowhere, and the search for them.

use std::{fs, net::Ipv6Addr, path::Path};

/// The visitor's IPv4 address, of a network for documentation (RFC 5737), so that it means nobody.
pub const VISITOR_V4: &str = "198.51.100.77";

/// The visitor's IPv6 address, of a network for documentation (RFC 3849).
pub const VISITOR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0xbeef, 0xca7);

/// The address that the visitor's connection comes from; every one of 127.0.0.0/8 is this machine.
pub const PEER: [u8; 4] = [127, 0, 77, 201];

/// What proxies have been seen to write into `X-Forwarded-For`, with these addresses.
pub fn forwarded_for() -> Vec<String> {
    let (v4, v6) = (VISITOR_V4, VISITOR_V6);
    vec![
        v4.to_owned(),
        format!("{v4}:55220"),
        format!("::ffff:{v4}"),
        format!("[::ffff:{v4}]:443"),
        format!(" {v4} , 127.0.0.1"),
        format!("203.0.113.9, {v4}"),
        v6.to_string(),
        format!("[{v6}]"),
        format!("[{v6}]:80"),
        v6.to_string().to_uppercase(),
        full(v6),
        // Nothing that anybody could read.
        format!("{v4}.5"),
        format!("unknown-{v4}"),
        format!("{v6}:::1"),
        format!("for=\"[{v6}]\""),
        format!("[{v4}"),
        format!("{v4}:port"),
    ]
}

/// Every spelling of the addresses that something could have made of them.
fn needles() -> Vec<Vec<u8>> {
    let v4: std::net::Ipv4Addr = VISITOR_V4.parse().unwrap();
    let mut texts = vec![std::net::Ipv4Addr::from(PEER).to_string(), VISITOR_V6.to_string()];
    texts.push(full(VISITOR_V6));
    texts.push(v4.to_string());
    texts.push(v4.to_string().replace('.', "-"));
    texts.push(v4.to_bits().to_string());
    texts.push(format!("{:x}", v4.to_bits()));
    texts.push(format!("{:x}", VISITOR_V6.to_bits()));
    // IPv4 in IPv6 as hexadecimal: ::ffff:c633:644d.
    texts.push(format!("{:x}:{:x}", v4.to_bits() >> 16, v4.to_bits() & 0xffff));
    let mut needles: Vec<_> = texts.into_iter().map(String::into_bytes).collect();
    needles.push(VISITOR_V6.octets().to_vec());
    needles.push(v4.to_ipv6_mapped().octets().to_vec());
    needles
}

/// All eight groups, with all their digits.
fn full(address: Ipv6Addr) -> String {
    let groups: Vec<_> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
    groups.join(":")
}

/// Checks that none of the addresses is in these bytes, in capitals or not.
///
/// # Panics
/// With what was found, in its surroundings.
pub fn assert_no_address_in(what: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    for needle in needles() {
        if let Some(at) = memchr::memmem::find(&lower, &needle.to_ascii_lowercase()) {
            let around = &bytes[at.saturating_sub(150)..(at + 150).min(bytes.len())];
            panic!("an address is in {what}: …{}…", String::from_utf8_lossy(around));
        }
    }
}

/// Checks every file in a folder and its sub-folders, and gives how many bytes that were.
pub fn assert_no_address_under(folder: &Path) -> usize {
    let mut searched = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            searched += assert_no_address_under(&path);
            continue;
        }
        // A server that runs may have removed it meanwhile.
        let Ok(bytes) = fs::read(&path) else { continue };
        // Kafka's indexes are made with 10 MB of zeros.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        assert_no_address_in(&path.display().to_string(), &bytes[..end]);
        searched += end;
    }
    searched
}
