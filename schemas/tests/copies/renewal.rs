//! A copy of the field list, which the tests check and `cargo xtask renew` completes.
//!
//! Existing lines stay as they are, with types and comments written by hand; only missing fields get a line.

use crate::field::{Field, fields};
use std::{env, fs, path::PathBuf};

pub struct FieldList {
    path: &'static str,
    file: PathBuf,
}

impl FieldList {
    /// A file of the repository, by its path in it.
    pub fn of(path: &'static str) -> Self {
        Self { path, file: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path) }
    }

    /// Returns the text with a line for each field between `begin` and `end`.
    pub fn with_lines(&self, begin: &str, end: &str, line: impl Fn(&Field) -> String) -> String {
        let (before, lines, after) = self.parts(begin, end);
        let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        let mut place = 0;
        for field in fields() {
            match lines.iter().position(|line| name(line) == Some(field.name.as_str())) {
                Some(found) => place = found + 1,
                None => {
                    let mut new = line(&field);
                    let last = lines.get_mut(place.saturating_sub(1));
                    // Where the last line has no comma, that one gets it, and not the new one.
                    if let Some(last) =
                        last.filter(|last| new.ends_with(',') && !ends_with_comma(last))
                    {
                        last.push(',');
                        new.pop();
                    }
                    lines.insert(place, new);
                    place += 1;
                }
            }
        }
        self.put([before, lines.join("\n"), after].concat())
    }

    /// Returns the text with only `expected` between `begin` and `end`.
    pub fn with_text(&self, begin: &str, end: &str, expected: &str) -> String {
        let (before, _, after) = self.parts(begin, end);
        self.put([&*before, expected, &*after].concat())
    }

    fn parts(&self, begin: &str, end: &str) -> (String, String, String) {
        let text = fs::read_to_string(&self.file).unwrap();
        let lacks = |mark: &str| panic!("{} has no {mark:?}", self.path);
        let start = text.find(begin).unwrap_or_else(|| lacks(begin)) + begin.len();
        let stop = start + text[start..].find(end).unwrap_or_else(|| lacks(end));
        (text[..start].to_owned(), text[start..stop].to_owned(), text[stop..].to_owned())
    }

    fn put(&self, text: String) -> String {
        let is_there = fs::read_to_string(&self.file).unwrap() == text;
        if !is_there && env::var_os("KAFKA_BUTTON_RENEW").is_some() {
            fs::write(&self.file, &text).unwrap();
        } else {
            assert!(is_there, "{} lacks a field: `cargo xtask renew` adds it", self.path);
        }
        text
    }
}

/// Whether the line ends with a comma, apart from a comment.
fn ends_with_comma(line: &str) -> bool {
    line.split("--").next().is_some_and(|code| code.trim_end().ends_with(','))
}

/// The field of a line: the first word of a column, the name in JSON, or the first cell of a table.
fn name(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("{\"name\": ").or(line.strip_prefix("| ")).unwrap_or(line);
    let word = line.split_whitespace().next()?;
    Some(word.trim_matches(['"', '`', ',']))
}
