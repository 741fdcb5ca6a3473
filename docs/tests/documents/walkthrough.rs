//! The message that `docs/kafka-walkthrough.md` takes apart: the parts are the whole.

use schemas::{avro::SCHEMA_TEXT, frame};

#[test]
fn the_parts_of_the_message_are_all_of_it() {
    let page = docs::read("docs/kafka-walkthrough.md");
    let dump: Vec<u8> = page.lines().filter_map(dumped).flatten().collect();
    // The consumer ends each message with a line's end.
    let (end, dump) = dump.split_last().unwrap();
    assert_eq!(*end, b'\n');
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    let parts: Vec<u8> = rows.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    assert_eq!(parts, dump);
    let (id, datum) = frame::split(dump).unwrap();
    assert!(id > 0 && datum.len() > 80);

    // Each field is told, in the schema's order; what came later is not in that message.
    let schema: serde_json::Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let names = schema["fields"].as_array().unwrap().iter();
    let told: Vec<_> = rows[2..].iter().map(|(_, name)| name.as_str()).collect();
    let names = names.map(|field| field["name"].as_str().unwrap());
    assert_eq!(told, names.filter(|name| told.contains(name)).collect::<Vec<_>>());
}

/// The bytes of a line such as `00000010: 2d38 3863  -88c`.
fn dumped(line: &str) -> Option<Vec<u8>> {
    let (offset, rest) = line.split_once(": ")?;
    let is_offset = offset.len() == 8 && offset.bytes().all(|byte| byte.is_ascii_hexdigit());
    bytes(is_offset.then(|| rest.split_once("  "))??.0)
}

/// Bytes and field of a row such as ``| `00` | `name` | … |``.
fn row(line: &str) -> Option<(Vec<u8>, String)> {
    let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
    Some((bytes(cells.next()?)?, cells.next()?.to_owned()))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let hex: String = hex.split_whitespace().collect();
    let pairs = (0..hex.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}
