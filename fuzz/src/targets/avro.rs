//! A message's datum, in the canonical schema.

use schemas::avro::{self, Decoder, Encoder};
use std::sync::LazyLock;

static ENCODER: LazyLock<Encoder> = LazyLock::new(|| Encoder::new().unwrap());

/// What is read is written and read again the same, and both ways to read agree about it.
pub fn run(datum: &[u8]) {
    let mut decoder = Decoder::for_writer(avro::SCHEMA_TEXT).unwrap();
    let read = decoder.decode(datum);
    let slowly = avro::decode(avro::schema(), datum);
    assert_eq!(read.is_ok(), slowly.is_ok(), "{read:?}, {slowly:?}");
    let (Ok(read), Ok(slowly)) = (read, slowly) else { return };
    let bytes = encoded(&read);
    // By their bytes: a coordinate that is no number is not equal to itself.
    assert_eq!(bytes, encoded(&slowly));
    // It remembers where the one before came from.
    assert_eq!(bytes, encoded(&decoder.decode(&bytes).unwrap()));
    assert_eq!(bytes, encoded(&decoder.decode(&bytes).unwrap()));
}

fn encoded(press: &schemas::ButtonPress) -> Vec<u8> {
    let mut bytes = Vec::new();
    ENCODER.encode(press, &mut bytes).unwrap();
    bytes
}
