//! A datum in a schema that somebody else has written: the text up to an empty line, then the
//! datum.

use schemas::avro::Decoder;

/// Neither a strange schema nor a datum that does not fit is worse than an error.
pub fn run(data: &[u8]) {
    let split = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (text, datum) = (&data[..split], data.get(split + 2..).unwrap_or_default());
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(mut decoder) = Decoder::for_writer(text) {
        let _ = decoder.decode(datum);
    }
}
