//! What both pages share about texts: files with one text a line, the attribution of geo databases, and
//! the address of the operator's privacy policy. Pure.
//!
//! A language is a file of lines `key: text`, up to the first empty line or the end.

pub mod credit;
pub mod policy;

/// The text of this key; `None` where the file has none.
pub fn find<'a>(file: &'a str, key: &str) -> Option<&'a str> {
    let texts = file.lines().take_while(|line| !line.is_empty());
    texts.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).next()
}

/// The text with `{name}` replaced by `value`.
pub fn fill(text: &str, name: &str, value: &str) -> String {
    // By single characters: searching for strings would be 5 kB of the page's download.
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled += before;
        let (found, after) = after.split_once('}').unwrap_or((after, ""));
        if found == name {
            filled += value;
        } else {
            filled.push('{');
            filled += found;
            filled.push('}');
        }
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_takes_whole_keys_before_the_empty_line() {
        let file = "a-b: one\na: two: three\n\nc: no text\n";
        assert_eq!(find(file, "a"), Some("two: three"));
        assert_eq!(find(file, "a-b"), Some("one"));
        assert_eq!(find(file, "c"), None);
        assert_eq!(find("", "a"), None);
    }

    #[test]
    fn fill_replaces_the_named_placeholder_only() {
        assert_eq!(fill("a {n} b {m}", "n", "7"), "a 7 b {m}");
        assert_eq!(fill("{n", "n", "7"), "7");
    }
}
