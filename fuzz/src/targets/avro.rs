//! A message's datum, in the canonical schema.

use schemas::avro::{self, Decoder, Encoder};
use std::sync::LazyLock;

static ENCODER: LazyLock<Encoder> = LazyLock::new(|| Encoder::new().unwrap());
static DECODER: LazyLock<Decoder> =
    LazyLock::new(|| Decoder::for_writer(avro::SCHEMA_TEXT).unwrap());

/// What is read is written and read again the same, and both ways to read agree about it.
pub fn run(datum: &[u8]) {
    let read = DECODER.decode(datum);
    let slowly = avro::decode(avro::schema(), datum);
    assert_eq!(read.is_ok(), slowly.is_ok(), "{read:?}, {slowly:?}");
    let (Ok(read), Ok(slowly)) = (read, slowly) else { return };
    let bytes = encoded(&read);
    // By their bytes: a coordinate that is no number is not equal to itself.
    assert_eq!(bytes, encoded(&slowly));
    assert_eq!(bytes, encoded(&DECODER.decode(&bytes).unwrap()));
}

fn encoded(press: &schemas::ButtonPress) -> Vec<u8> {
    let mut bytes = Vec::new();
    ENCODER.encode(press, &mut bytes).unwrap();
    bytes
}
