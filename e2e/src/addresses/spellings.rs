//! Every way in which a program could have written an address down: as text, as numbers, as bytes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What an address is looked for by.
#[derive(Default)]
pub(super) struct Spellings {
    /// Texts in small letters, to be compared with bytes in small letters.
    pub(super) texts: BTreeSet<Vec<u8>>,
    /// Bytes that are what they are.
    pub(super) bytes: BTreeSet<Vec<u8>>,
    /// The four bytes of an IPv4 address. They turn up by chance in some gigabytes of anything, so
    /// they are looked for where all that there is is small.
    pub(super) short: BTreeSet<Vec<u8>>,
}

impl Spellings {
    pub(super) fn add(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.add_v4(v4),
            IpAddr::V6(v6) => self.add_v6(v6),
        }
    }

    fn add_v4(&mut self, address: Ipv4Addr) {
        let dotted = address.to_string();
        let [a, b, c, d] = address.octets();
        self.text(&dotted.replace('.', "-"));
        // As the name for a reverse look-up begins (RFC 1035, section 3.5).
        self.text(&format!("{d}.{c}.{b}.{a}"));
        self.text(&dotted);
        self.number(address.octets());
        let bits = address.to_bits();
        self.text(&bits.to_string());
        self.text(&bits.swap_bytes().to_string());
        // IPv4 in IPv6 as hexadecimal, of which `::ffff:` is the beginning: ::ffff:c633:644d.
        self.text(&format!("{:x}:{:x}", bits >> 16, bits & 0xffff));
        self.short.insert(address.octets().to_vec());
        self.short.insert(reversed(&address.octets()));
        self.raw(&address.to_ipv6_mapped().octets());
    }

    fn add_v6(&mut self, address: Ipv6Addr) {
        self.text(&address.to_string());
        self.text(&expanded(address));
        // All groups, without the zeros in front of each.
        let groups: Vec<_> = address.segments().iter().map(|it| format!("{it:x}")).collect();
        self.text(&groups.join(":"));
        self.text(&address.to_bits().to_string());
        let nibbles: Vec<_> = format!("{:032x}", address.to_bits()).chars().rev().collect();
        let nibbles: Vec<_> = nibbles.into_iter().map(String::from).collect();
        // As the name for a reverse look-up begins (RFC 3596, section 2.5).
        self.text(&nibbles.join("."));
        self.number(address.octets());
        self.raw(&address.octets());
    }

    /// A text in the encodings that a text may be in.
    fn text(&mut self, text: &str) {
        self.texts.insert(text.to_ascii_lowercase().into_bytes());
        self.texts.insert(percent(text, |byte| !byte.is_ascii_alphanumeric()).into_bytes());
        self.texts.insert(
            percent(text, |byte| !byte.is_ascii_alphanumeric() && byte != b'.').into_bytes(),
        );
        self.texts.insert(percent(text, |_| true).into_bytes());
        self.texts.insert(hex(text.as_bytes()).into_bytes());
        for text in [text.to_ascii_lowercase(), text.to_ascii_uppercase()] {
            self.bytes.extend(base64_anywhere(text.as_bytes()));
            self.bytes.insert(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
            self.bytes.insert(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        }
    }

    /// Octets as text: hexadecimal, and as lists print them; either end first.
    fn number<const N: usize>(&mut self, octets: [u8; N]) {
        for octets in [octets.to_vec(), reversed(&octets)] {
            let pairs: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            let decimal: Vec<_> = octets.iter().map(u8::to_string).collect();
            for separator in ["", " ", ":", "-", "\\x", "%", ", 0x"] {
                self.texts.insert(pairs.join(separator).into_bytes());
            }
            for separator in [", ", ",", " "] {
                self.texts.insert(decimal.join(separator).into_bytes());
            }
        }
    }

    /// Sixteen octets as they are, and what base64 makes of them; either end first.
    fn raw(&mut self, octets: &[u8; 16]) {
        for octets in [octets.to_vec(), reversed(octets)] {
            self.bytes.extend(base64_anywhere(&octets));
            self.bytes.insert(octets);
        }
    }
}

/// All eight groups, with all their digits.
pub(super) fn expanded(address: Ipv6Addr) -> String {
    let groups: Vec<_> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
    groups.join(":")
}

fn reversed(octets: &[u8]) -> Vec<u8> {
    octets.iter().rev().copied().collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encoded (RFC 3986, section 2.1) where `is_escaped` says so, in small letters.
fn percent(text: &str, is_escaped: impl Fn(u8) -> bool) -> String {
    let one = |byte: u8| match is_escaped(byte) {
        true => format!("%{byte:02x}"),
        false => char::from(byte).to_ascii_lowercase().to_string(),
    };
    text.bytes().map(one).collect()
}

/// What base64 (RFC 4648) makes of the bytes wherever they stand in a larger whole: three ways,
/// each without the characters at its ends that depend on the neighbours. In both alphabets.
fn base64_anywhere(bytes: &[u8]) -> Vec<Vec<u8>> {
    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let one = |before: usize| -> Vec<u8> {
        let bit = |at: usize| bytes[at / 8 - before] >> (7 - at % 8) & 1;
        // Characters of six bits each that lie within the bytes as a whole.
        let whole = (before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6;
        let value = |at: usize| (at * 6..at * 6 + 6).fold(0, |value, at| value << 1 | bit(at));
        whole.map(|at| STANDARD[usize::from(value(at))]).collect()
    };
    let standard = (0..3).map(one).collect::<Vec<_>>();
    let for_urls = |text: &Vec<u8>| -> Vec<u8> {
        let other = |byte: &u8| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => *other,
        };
        text.iter().map(other).collect()
    };
    let urls = standard.iter().map(for_urls).collect::<Vec<_>>();
    [standard, urls].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(address: &str) -> Spellings {
        let mut spellings = Spellings::default();
        spellings.add(address.parse().unwrap());
        spellings
    }

    #[test]
    fn an_ipv4_address_is_known_in_all_its_dresses() {
        let found = spellings("198.51.100.77");
        for text in [
            "198.51.100.77",
            "198-51-100-77",
            "77.100.51.198",
            "198%2e51%2e100%2e77",
            "%31%39%38%2e%35%31%2e%31%30%30%2e%37%37",
            "c633644d",
            "4d6433c6",
            "c6:33:64:4d",
            "c6%33%64%4d",
            "3325256781",
            "1298412486",
            "c633:644d",
            "198, 51, 100, 77",
            "3139382e35312e3130302e3737",
        ] {
            assert!(found.texts.contains(text.as_bytes()), "{text}");
        }
        // `echo -n 198.51.100.77 | base64`, and with one and two bytes before it.
        for text in ["MTk4LjUxLjEwMC43N", "E5OC41MS4xMDAuNz", "xOTguNTEuMTAwLjc3"] {
            assert!(found.bytes.contains(text.as_bytes()), "{text}");
        }
        assert!(found.bytes.contains(&b"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x4d"[..]));
        let wide: Vec<u8> = "198.51.100.77".bytes().flat_map(|byte| [byte, 0]).collect();
        assert!(found.bytes.contains(&wide));
        assert!(found.short.contains(&[0x4d, 0x64, 0x33, 0xc6][..]));
    }

    #[test]
    fn an_ipv6_address_is_known_in_all_its_dresses() {
        let found = spellings("2001:db8:77::beef:ca7");
        for text in [
            "2001:db8:77::beef:ca7",
            "2001:0db8:0077:0000:0000:0000:beef:0ca7",
            "2001:db8:77:0:0:0:beef:ca7",
            "2001%3adb8%3a77%3a%3abeef%3aca7",
            "20010db800770000000000 00beef0ca7".replace(' ', "").as_str(),
            "7.a.c.0.f.e.e.b.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2",
            "32, 1, 13, 184, 0, 119, 0, 0, 0, 0, 0, 0, 190, 239, 12, 167",
        ] {
            assert!(found.texts.contains(text.as_bytes()), "{text}");
        }
        // The same bytes, either end first.
        let octets = "2001:db8:77::beef:ca7".parse::<Ipv6Addr>().unwrap().octets();
        assert!(found.bytes.contains(&octets[..]) && found.bytes.contains(&reversed(&octets)));
        assert!(found.bytes.contains(&b"IAENuAB3AAAAAAAAvu8Mp"[..]));
    }
}
