//! Confluent wire format: the schema id and the datum of a Kafka message.
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

/// Initial size of the buffer, enough for most records.
const INITIAL_MESSAGE_BYTES: usize = 160;

/// Why a message has no frame.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than the frame's header.
    #[error("the message has {0} bytes, the frame alone takes {HEADER_BYTES}")]
    TooShort(usize),
    /// The first byte is not 0.
    #[error("the message begins with byte {0:#04x}, the Confluent wire format with 0x00")]
    UnknownMagic(u8),
}

/// Encodes one message. `schema_id` is the id of the canonical schema in the registry.
///
/// # Errors
/// See [`Encoder::encode`].
pub fn encode(
    encoder: &Encoder,
    schema_id: u32,
    press: &ButtonPress,
) -> Result<Vec<u8>, Box<apache_avro::Error>> {
    Messages::new(encoder, schema_id).of(press).map(<[u8]>::to_vec)
}

/// Encoder of messages that reuses its buffers. The origin that events of a request share is encoded
/// once.
pub struct Messages<'a> {
    encoder: &'a Encoder,
    schema_id: u32,
    origin: Option<(Arc<Place>, Option<i32>)>,
    encoded_origin: Vec<u8>,
    message: Vec<u8>,
}

impl<'a> Messages<'a> {
    /// Messages with the id of the canonical schema in the registry.
    pub fn new(encoder: &'a Encoder, schema_id: u32) -> Self {
        let message = Vec::with_capacity(INITIAL_MESSAGE_BYTES);
        Self { encoder, schema_id, origin: None, encoded_origin: Vec::new(), message }
    }

    /// Encodes the message of a press, which the next one overwrites.
    ///
    /// # Errors
    /// See [`Encoder::encode`].
    pub fn of(&mut self, press: &ButtonPress) -> Result<&[u8], Box<apache_avro::Error>> {
        let is_equal = |(place, cohort): &(Arc<Place>, Option<i32>)| {
            Arc::ptr_eq(place, &press.place) && *cohort == press.cohort
        };
        if !self.origin.as_ref().is_some_and(is_equal) {
            self.origin = None;
            self.encoded_origin.clear();
            self.encoder.encode_origin(press, &mut self.encoded_origin)?;
            self.origin = Some((Arc::clone(&press.place), press.cohort));
        }
        self.message.clear();
        self.message.push(0);
        self.message.extend_from_slice(&self.schema_id.to_be_bytes());
        self.encoder.encode_event(press, &mut self.message)?;
        self.message.extend_from_slice(&self.encoded_origin);
        Ok(&self.message)
    }
}

/// Splits a message into the id of its writer's schema and its datum.
///
/// # Errors
/// If it has no frame.
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
    fn message_without_frame_is_rejected() {
        assert_eq!(split(&[0, 0, 0, 1, 2, 9]), Ok((258, &[9u8][..])));
        assert_eq!(split(&[0, 0, 0, 0, 7]), Ok((7, &[][..])));
        assert_eq!(split(&[0, 0, 0, 1]), Err(FrameError::TooShort(4)));
        assert_eq!(split(&[]), Err(FrameError::TooShort(0)));
        assert_eq!(split(b"{\"json\":1}"), Err(FrameError::UnknownMagic(b'{')));
    }
}
