//! What the tests of the documents are made of.
//!
//! ```text
//!  relay, button, cargo xtask ── their options ──┐
//!  Cargo.toml, relay/src ────── who uses whom ──┼──► tests/documents ◄──► *.md
//!  schemas/ ───────────────────────── fields ──┘
//! ```
//!
//! A document has some texts that follow from the code, between `<!-- name -->` and `<!-- /name -->`.
//! The tests compare them with what follows; `cargo xtask renew` lets the tests write them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Set by `cargo xtask renew`.
const RENEW: &str = "KAFKA_BUTTON_RENEW";

/// Tests run beside each other, and some write into the same document.
static WRITING: Mutex<()> = Mutex::new(());

/// Folders with what is built, downloaded or recorded.
const NOT_OURS: [&str; 6] = ["target", "dist", "data", "node_modules", "certs", ".git"];

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the repository, by its path in it.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all files of the repository that end so, sorted, with `/` between folders.
pub fn files(ending: &str) -> Vec<String> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if !NOT_OURS.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path.strip_prefix(&root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Holds the text of this name in a document against what it has to be, or writes it.
pub fn hold(document: &str, name: &str, expected: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(document);
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let marks = || panic!("{document} has no {} … {end}", begin.trim());
    let (before, rest) = text.split_once(&begin).unwrap_or_else(marks);
    let (found, after) = rest.split_once(&end).unwrap_or_else(marks);
    // Markdown wants an empty line between a comment and a table.
    let expected = format!("\n{}\n\n", expected.trim());
    if found == expected {
        return;
    }
    if env::var_os(RENEW).is_some() {
        fs::write(root().join(document), [before, &begin, &expected, &end, after].concat())
            .unwrap();
        return;
    }
    let differs = |lines: &str, others: &str| {
        let mut lines = lines.lines().filter(|line| !others.lines().any(|other| other == *line));
        lines.next().unwrap_or("(nothing)").to_owned()
    };
    panic!(
        "{document} is stale: `cargo xtask renew` writes it anew. It has\n  {}\nand not\n  {}",
        differs(found, &expected),
        differs(&expected, found),
    );
}
