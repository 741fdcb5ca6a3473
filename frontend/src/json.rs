//! JSON, as small as it can be had: the page's types hold no fractions, so that no tables for
//! reading and writing them (some 20 kB that no compression helps) are in the download. Pure.

use serde::{Serialize, de::DeserializeOwned};

/// Reads `text`; `None` where it is not a `T`. Nobody would read the reason.
pub fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    // No string is longer without its escapes than the whole text is with them.
    let mut unescaped = vec![0; text.len()];
    serde_json_core::from_str_escaped(text, &mut unescaped).ok().map(|(value, _)| value)
}

/// Writes `value`.
pub fn text(value: &impl Serialize) -> String {
    // Plain data with string keys: there is nothing that serde_json could refuse.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_every_text_that_others_write(said in ".*") {
            prop_assert_eq!(parse::<String>(&text(&said)), Some(said));
        }
    }

    #[test]
    fn reads_no_more_and_no_less_than_the_whole() {
        assert_eq!(parse::<Vec<u64>>(" [1, 2]\n"), Some(vec![1, 2]));
        for bad in ["", "[1,2", "[1,2]]", "[1,]", "[1.5]", "<html>"] {
            assert_eq!(parse::<Vec<u64>>(bad), None, "{bad}");
        }
    }
}
