//! Text of others, made harmless for a terminal.
//!
//! A message of the topic, a registry's answer or a database's error may hold escape sequences that move the
//! cursor, rename the window or reverse the text, or line breaks that look like a line of our own.

use std::{borrow::Cow, fmt::Write};

/// Returns the text with control and formatting characters as JSON writes them (`\u001b`), so that a line of JSON
/// stays the same JSON.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(printable, "\\u{unit:04x}");
            }
        } else {
            printable.push(character);
        }
    }
    Cow::Owned(printable)
}

/// Control characters (C0, C1, DEL), those that reverse or join text, and separators of lines and paragraphs:
/// Unicode's Cc, Zl and Zp, and of Cf what is not a visible sign. (`char::escape_debug` escapes quotes and combining
/// marks, too, which names of places have.)
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_places_stay_as_they_are() {
        for name in ["Säffle", "L'Aquila", "São Paulo", "東京", "Zu\u{308}rich", "a \"b\" \\ c"]
        {
            assert_eq!(printable(name), name);
        }
    }

    #[test]
    fn escape_sequences_and_line_breaks_are_shown() {
        for (text, shown) in [
            ("\u{1b}]0;x\u{7}", r"\u001b]0;x\u0007"),
            ("\u{1b}[2J\r\n2026", r"\u001b[2J\u000d\u000a2026"),
            ("\u{9b}31m", r"\u009b31m"),
            ("\u{202e}txt", r"\u202etxt"),
            ("\u{e0041}", r"\udb40\udc41"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    proptest! {
        #[test]
        fn json_stays_the_same_json(text: String) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = printable(&json);
            prop_assert!(!shown.chars().any(is_invisible));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
