//! The Confluent wire format: how a Kafka message says which schema it was written with.
//!
//! ```text
//!  byte   0        1 … 4                     5 …
//!       ┌────┬──────────────────────────┬───────────────┐
//!       │ 00 │ schema id, u32 big-endian │ Avro datum    │
//!       └────┴──────────────────────────┴───────────────┘
//! ```

use crate::{ButtonPress, Place, avro::Encoder};
use std::sync::Arc;

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
    Messages::new(encoder, schema_id).of(press).map(<[u8]>::to_vec)
}

/// Makes messages, one after the other in the same buffers. Where the events of a request come from,
/// which they have in common, is encoded once.
pub struct Messages<'a> {
    encoder: &'a Encoder,
    schema_id: u32,
    /// Of whom the encoded origin is.
    origin: Option<(Arc<Place>, Option<i32>)>,
    encoded: Vec<u8>,
    message: Vec<u8>,
}

impl<'a> Messages<'a> {
    /// Written with the canonical schema that the registry knows as `schema_id`.
    pub fn new(encoder: &'a Encoder, schema_id: u32) -> Self {
        let message = Vec::with_capacity(USUAL_MESSAGE_BYTES);
        Self { encoder, schema_id, origin: None, encoded: Vec::new(), message }
    }

    /// The message for `press`, good until the next is made.
    pub fn of(&mut self, press: &ButtonPress) -> Result<&[u8], Box<apache_avro::Error>> {
        let is_the_same = |(place, cohort): &(Arc<Place>, Option<i32>)| {
            Arc::ptr_eq(place, &press.place) && *cohort == press.cohort
        };
        if !self.origin.as_ref().is_some_and(is_the_same) {
            self.origin = None;
            self.encoded.clear();
            self.encoder.encode_origin(press, &mut self.encoded)?;
            self.origin = Some((Arc::clone(&press.place), press.cohort));
        }
        self.message.clear();
        self.message.push(0);
        self.message.extend_from_slice(&self.schema_id.to_be_bytes());
        self.encoder.encode_event(press, &mut self.message)?;
        self.message.extend_from_slice(&self.encoded);
        Ok(&self.message)
    }
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
