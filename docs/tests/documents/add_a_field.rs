//! `docs/add-a-field.md` names every file that a field is in.

use std::collections::BTreeSet;

/// A field like the one that is added in the document: the relay finds it, and it may be null.
const FIELD: &str = "subdivision_code";

const DOCUMENT: &str = "docs/add-a-field.md";

#[test]
fn every_file_with_a_field_is_in_the_document() {
    let document = docs::read(DOCUMENT);
    let named: BTreeSet<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| ["))
        .map(|row| row.split_once(']').unwrap().0.to_owned())
        .collect();
    // The fuzzers' examples are right without it, too.
    let aside = ["docs/tests/", "fuzz/corpus/"];
    let is_elsewhere =
        |path: &String| path != DOCUMENT && !aside.iter().any(|folder| path.starts_with(folder));
    let found: BTreeSet<_> = docs::files("")
        .into_iter()
        .filter(is_elsewhere)
        .filter(|path| {
            let bytes = std::fs::read(docs::root().join(path)).unwrap_or_default();
            String::from_utf8(bytes).is_ok_and(|text| text.contains(FIELD))
        })
        .collect();
    let lacks: Vec<_> = found.difference(&named).collect();
    let too_many: Vec<_> = named.difference(&found).collect();
    assert!(
        lacks.is_empty() && too_many.is_empty(),
        "{DOCUMENT} lacks {lacks:?}, and names {too_many:?} in vain"
    );
}
