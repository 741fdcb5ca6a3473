//! Addresses of visitors that must turn up nowhere, and the search for them.

mod spellings;

use memchr::memmem::Finder;
use spellings::{Spellings, expanded};
use std::{collections::BTreeSet, fs, net::Ipv6Addr, path::Path, sync::OnceLock};

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
        expanded(v6),
        // Nothing that anybody could read.
        format!("{v4}.5"),
        format!("unknown-{v4}"),
        format!("{v6}:::1"),
        format!("for=\"[{v6}]\""),
        format!("[{v4}"),
        format!("{v4}:port"),
    ]
}

/// What the three are looked for by; made once.
fn finders() -> &'static Finders {
    static FINDERS: OnceLock<Finders> = OnceLock::new();
    FINDERS.get_or_init(|| {
        let mut spellings = Spellings::default();
        for address in [VISITOR_V4.parse().unwrap(), VISITOR_V6.into(), PEER.into()] {
            spellings.add(address);
        }
        let made = |them: BTreeSet<Vec<u8>>| {
            them.into_iter().map(|it| Finder::new(&it).into_owned()).collect()
        };
        let Spellings { texts, bytes, short } = spellings;
        Finders { texts: made(texts), bytes: made(bytes), short: made(short) }
    })
}

struct Finders {
    texts: Vec<Finder<'static>>,
    bytes: Vec<Finder<'static>>,
    short: Vec<Finder<'static>>,
}

/// Checks that none of the addresses is in these bytes, in whatever spelling.
///
/// # Panics
/// With what was found, in its surroundings.
pub fn assert_no_address_in(what: &str, bytes: &[u8]) {
    search(what, bytes);
    search_for("short", what, bytes, bytes, &finders().short);
}

/// As [`assert_no_address_in`], without what turns up by chance in a lot of bytes.
fn search(what: &str, bytes: &[u8]) {
    search_for("text", what, bytes, &bytes.to_ascii_lowercase(), &finders().texts);
    search_for("bytes", what, bytes, bytes, &finders().bytes);
}

fn search_for(kind: &str, what: &str, bytes: &[u8], searched: &[u8], finders: &[Finder<'_>]) {
    for finder in finders {
        if let Some(at) = finder.find(searched) {
            let around = &bytes[at.saturating_sub(150)..(at + 150).min(bytes.len())];
            let needle = String::from_utf8_lossy(finder.needle());
            let around = String::from_utf8_lossy(around);
            panic!("an address is in {what}, as {kind} {needle:?}: …{around}…");
        }
    }
}

/// Checks every file in a folder and its sub-folders, and gives how many bytes that were. Where these
/// are all of a relay, which writes little, also for the four bytes of an IPv4 address.
pub fn assert_no_address_under(folder: &Path) -> usize {
    walk(folder, &assert_no_address_in)
}

/// As [`assert_no_address_under`], for what may be hundreds of megabytes: a database's folder, a log of
/// Kafka's.
pub fn assert_no_address_among_servers(folder: &Path) -> usize {
    walk(folder, &search)
}

fn walk(folder: &Path, check: &dyn Fn(&str, &[u8])) -> usize {
    let mut searched = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            searched += walk(&path, check);
            continue;
        }
        // A server that runs may have removed it meanwhile.
        let Ok(bytes) = fs::read(&path) else { continue };
        // Kafka's indexes are made with 10 MB of zeros.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        check(&path.display().to_string(), &bytes[..end]);
        searched += end;
    }
    searched
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever searches for too much, or for nothing, would not notice otherwise.
    #[test]
    fn what_is_hidden_is_found_and_what_is_not_is_not() {
        let hidden = |bytes: &[u8]| {
            let bytes = bytes.to_vec();
            std::panic::catch_unwind(move || assert_no_address_in("a test", &bytes)).is_err()
        };
        for bytes in [
            &b"for=\"[2001:DB8:77::BEEF:CA7]\""[..],
            b"peer: V4(198.51.100.77)",
            b"\x02\0\x23\x28\xc6\x33\x64\x4d",
            b"::FFFF:7F00:4DC9",
        ] {
            assert!(hidden(bytes), "{}", String::from_utf8_lossy(bytes));
        }
        for bytes in [&b""[..], b"198.51.100.7", b"127.0.0.1 listening on [::]:9000"] {
            assert!(!hidden(bytes), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
