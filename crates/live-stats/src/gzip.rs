//! Gzip bodies whose parts are shared by many responses (RFC 1952).
//!
//! The parts of a body are deflate blocks (RFC 1951) that end at a byte and refer to no other part, so each is
//! compressed once, and any sequence of them is a valid body.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::{Compression, Crc, write::DeflateEncoder};
use std::io::{self, Write};

/// Head of a body without name and time, of an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The last block, with no bytes.
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Part of a body.
#[derive(Default)]
pub(crate) struct Part {
    blocks: Bytes,
    crc: Crc,
}

impl Part {
    /// Compresses `text` between `prefix` and `suffix`, and returns the part of `text` alone and that of all.
    pub(crate) fn compress(prefix: &[u8], text: &[u8], suffix: &[u8]) -> io::Result<(Self, Self)> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text)?;
        encoder.flush()?;
        let blocks = std::mem::take(encoder.get_mut());
        let all = [&stored_block(prefix), &*blocks, &stored_block(suffix)].concat();
        let (mut of_text, mut of_all) = (Crc::new(), Crc::new());
        of_text.update(text);
        for text in [prefix, text, suffix] {
            of_all.update(text);
        }
        Ok((Self { blocks: blocks.into(), crc: of_text }, Self { blocks: all.into(), crc: of_all }))
    }

    /// A short text, not compressed: an encoder takes 300 kB.
    pub(crate) fn store(text: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(text);
        let blocks: Vec<_> = text.chunks(usize::from(u16::MAX)).flat_map(stored_block).collect();
        Self { blocks: blocks.into(), crc }
    }
}

/// A block that is not the last one, of up to 65,535 bytes.
fn stored_block(text: &[u8]) -> Vec<u8> {
    let length = text.len() as u16;
    [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), text].concat()
}

/// A body that is being sent.
#[derive(Default)]
pub(crate) struct Body {
    has_begun: bool,
    crc: Crc,
}

impl Body {
    /// The bytes that append a part.
    pub(crate) fn push(&mut self, part: &Part) -> Bytes {
        self.crc.combine(&part.crc);
        if std::mem::replace(&mut self.has_begun, true) {
            return part.blocks.clone();
        }
        [&HEAD[..], &part.blocks].concat().into()
    }

    /// The bytes that end it.
    pub(crate) fn end(self) -> Bytes {
        let head = if self.has_begun { &[][..] } else { &HEAD };
        let (sum, length) = (self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes());
        [head, &LAST_BLOCK, &sum, &length].concat().into()
    }
}

/// Whether the client accepts gzip (RFC 9110, section 12.5.3).
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, parameter) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameter.split_once('=').map_or("1", |(_, weight)| weight.trim());
        name.trim().eq_ignore_ascii_case("gzip")
            && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn body_of_shared_parts_is_valid() {
        let numbers = |number: u32| format!("{{\"number\":{number},{}", "\"same\":0,".repeat(9000));
        let parts = [1, 2, 3]
            .map(|number| Part::compress(b"data: ", numbers(number).as_bytes(), b"}\n\n").unwrap());
        let long = "own ".repeat(20_000);
        for order in [&[][..], &[0], &[2, 0], &[0, 1, 2, 1, 1]] {
            let (mut body, mut bytes, mut expected) = (Body::default(), Vec::new(), String::new());
            for index in order {
                bytes.extend(body.push(&parts[*index].1));
                expected += &format!("data: {}}}\n\n", numbers(*index as u32 + 1));
                bytes.extend(body.push(&Part::store(long.as_bytes())));
                expected += &long;
                bytes.extend(body.push(&parts[*index].0));
                expected += &numbers(*index as u32 + 1);
            }
            bytes.extend(body.end());
            let mut text = String::new();
            let mut decoder = GzDecoder::new(&*bytes);
            decoder.read_to_string(&mut text).unwrap();
            assert!(text == expected, "{order:?}");
            assert!(decoder.into_inner().is_empty(), "nothing follows");
        }
    }

    #[test]
    fn gzip_is_accepted_with_a_weight_above_zero() {
        for (lines, accepted) in [
            (&["gzip, deflate, br, zstd"][..], true),
            (&["GZIP"], true),
            (&["br", "identity, gzip ; q=0.1"], true),
            (&["br, *"], false),
            (&["gzip;q=0"], false),
            (&["gzip; q=0.000, br"], false),
            (&["x-gzip2, notgzip"], false),
            (&["identity"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(is_accepted(&headers), accepted, "{lines:?}");
        }
    }
}
