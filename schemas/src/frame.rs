//! The Confluent wire format: how a Kafka message says which schema it was written with.
//!
//! ```text
//!  byte   0        1 … 4                     5 …
//!       ┌────┬──────────────────────────┬───────────────┐
//!       │ 00 │ schema id, u32 big-endian │ Avro datum    │
//!       └────┴──────────────────────────┴───────────────┘
//! ```

use crate::{ButtonPress, avro::Encoder};

/// Length of the frame before the datum.
pub const HEADER_BYTES: usize = 5;

/// Most records take less than this; a longer one grows the buffer.
const USUAL_MESSAGE_BYTES: usize = 160;

/// Why bytes are not a framed message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than the frame's header.
    #[error("the message has {0} bytes, the frame alone takes {HEADER_BYTES}")]
    TooShort(usize),
    /// The first byte is not 0.
    #[error("the message begins with byte {0:#04x}, the Confluent wire format with 0x00")]
    UnknownMagic(u8),
}

/// The message for `press`, written with the canonical schema that the registry knows as
/// `schema_id`.
pub fn encode(
    encoder: &Encoder,
    schema_id: u32,
    press: &ButtonPress,
) -> Result<Vec<u8>, Box<apache_avro::Error>> {
    let mut message = Vec::new();
    encode_into(&mut message, encoder, schema_id, press)?;
    Ok(message)
}

/// The same into a buffer, in the place of what was there: one serves many messages.
pub fn encode_into(
    message: &mut Vec<u8>,
    encoder: &Encoder,
    schema_id: u32,
    press: &ButtonPress,
) -> Result<(), Box<apache_avro::Error>> {
    message.clear();
    message.reserve(USUAL_MESSAGE_BYTES);
    message.push(0);
    message.extend_from_slice(&schema_id.to_be_bytes());
    encoder.encode(press, message)
}

/// Splits a message into the id of its writer's schema and its datum.
pub fn split(message: &[u8]) -> Result<(u32, &[u8]), FrameError> {
    match message {
        [0, a, b, c, d, datum @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), datum)),
        [0, ..] | [] => Err(FrameError::TooShort(message.len())),
        [magic, ..] => Err(FrameError::UnknownMagic(*magic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_only_what_is_framed() {
        assert_eq!(split(&[0, 0, 0, 1, 2, 9]), Ok((258, &[9u8][..])));
        assert_eq!(split(&[0, 0, 0, 0, 7]), Ok((7, &[][..])));
        assert_eq!(split(&[0, 0, 0, 1]), Err(FrameError::TooShort(4)));
        assert_eq!(split(&[]), Err(FrameError::TooShort(0)));
        assert_eq!(split(b"{\"json\":1}"), Err(FrameError::UnknownMagic(b'{')));
    }
}
