//! A message in the Confluent wire format.

use schemas::frame::{self, HEADER_BYTES};

/// What is split was framed, byte for byte; nothing else is.
pub fn run(message: &[u8]) {
    let framed = message.len() >= HEADER_BYTES && message[0] == 0;
    match frame::split(message) {
        Ok((id, datum)) => {
            assert!(framed);
            let again = [&[0], &id.to_be_bytes()[..], datum].concat();
            assert_eq!(again, message);
        }
        Err(error) => {
            assert!(!framed);
            assert!(!error.to_string().is_empty());
        }
    }
}
