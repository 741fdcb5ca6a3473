//! Memory that decoding takes. A process of its own, as the peak is that of the process.
#![cfg(all(feature = "avro", target_os = "linux"))]
#![allow(clippy::unwrap_used, missing_docs)]

use schemas::avro::{self, DecodeError, Decoder};
use std::fs;

/// For a message of any length.
const MAX_BYTES: u64 = 32 << 20;

/// Peak of the memory in RAM.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A length or number (Avro specification, "Binary Encoding").
fn zigzag(number: u64) -> Vec<u8> {
    let mut rest = number << 1;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn memory_of_expanding_message_is_limited() {
    let before = peak_bytes();
    for items in [
        r#"["null", "string"]"#,
        r#"{"type": "array", "items": "string"}"#,
        r#"{"type": "map", "values": "int"}"#,
        r#"{"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "int"]}]}"#,
    ] {
        let mut schema: serde_json::Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
        let list =
            format!(r#"{{"name": "a_list", "type": {{"type": "array", "items": {items}}}}}"#);
        schema["fields"].as_array_mut().unwrap().insert(0, serde_json::from_str(&list).unwrap());
        let mut decoder = Decoder::for_writer(&schema.to_string()).unwrap();
        // Each item is a byte: null, or an empty list.
        for items in [60_000, 800_000] {
            // In blocks, as a length may be at most what 4 MiB hold.
            let mut datum = Vec::new();
            for _ in 0..items / 10_000 {
                datum.extend(zigzag(10_000));
                datum.resize(datum.len() + 10_000, 0);
            }
            datum.push(0);
            let error = decoder.decode(&datum).unwrap_err();
            assert_eq!(matches!(error, DecodeError::TooLong(_)), items > 65_536, "{error}");
        }
    }
    let more = peak_bytes() - before;
    assert!(more < MAX_BYTES, "{} MB more", more >> 20);
}
