//! What the page says, in the visitor's language. Pure.
//!
//! A language is a file in `frontend/texts`: lines of `key: text`, an empty line, and the button's
//! replies, one a line. `boot.js` fetches the visitor's; until it is there, and without it, the
//! few English texts of `minimum.txt` do.

pub use page_texts::fill;
use page_texts::find;

/// As in the files, and in the download: what the page cannot do without.
const MINIMUM: &str = include_str!("minimum.txt");

/// The texts of one language.
#[derive(Debug, Default)]
pub struct Texts(String);

impl Texts {
    /// The texts of this file.
    pub fn new(file: String) -> Self {
        Self(file)
    }

    /// The text of this key; empty where nobody has it.
    pub fn get(&self, key: &str) -> &str {
        find(&self.0, key).or_else(|| find(MINIMUM, key)).unwrap_or_default()
    }

    /// The word that goes with so many presses. (French has the singular for none, too.)
    pub fn presses(&self, number: u64) -> &str {
        self.get(match number {
            0 => "presses-0",
            1 => "presses-1",
            _ => "presses-n",
        })
    }

    /// The text for so many of something, but not for none: its keys are `key-1` and `key-n`, with
    /// an `{n}` for the number.
    pub fn of(&self, key: &str, number: u64, shown: &str) -> String {
        let key = format!("{key}-{}", if number == 1 { '1' } else { 'n' });
        fill(self.get(&key), "n", shown)
    }

    /// The button's replies: never none.
    pub fn replies(&self) -> Vec<&str> {
        let all = replies(&self.0);
        if all.is_empty() { replies(MINIMUM) } else { all }
    }
}

fn replies(file: &str) -> Vec<&str> {
    file.lines().skip_while(|line| !line.is_empty()).skip(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const ENGLISH: &str = include_str!("../texts/en.txt");
    const LANGUAGES: [(&str, &str); 5] = [
        ("de", include_str!("../texts/de.txt")),
        ("en", ENGLISH),
        ("es", include_str!("../texts/es.txt")),
        ("fr", include_str!("../texts/fr.txt")),
        ("ja", include_str!("../texts/ja.txt")),
    ];

    fn keyed(file: &str) -> Vec<(&str, &str)> {
        let lines = file.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_once(": ")).collect()
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_language_says_everything() {
        for (language, file) in LANGUAGES {
            let texts = Texts::new(file.to_owned());
            for (key, english) in keyed(ENGLISH) {
                let text = find(file, key).unwrap_or_default();
                assert!(!text.is_empty(), "{language} has no {key}");
                assert_eq!(placeholders(text), placeholders(english), "{language}, {key}");
            }
            assert_eq!(
                keyed(file).len(),
                keyed(ENGLISH).len(),
                "{language}: keys that are not known"
            );
            let lines = file.lines().take_while(|line| !line.is_empty()).count();
            assert_eq!(keyed(file).len(), lines, "{language}: a line without a key");
            let replies = texts.replies();
            assert!(replies.len() >= 40, "{language} has {} replies", replies.len());
            assert_eq!(replies.iter().collect::<BTreeSet<_>>().len(), replies.len(), "{language}");
            for reply in replies {
                let length = reply.chars().count();
                assert!((2..=75).contains(&length), "{language}: {length} characters: {reply}");
            }
        }
    }

    #[test]
    fn the_minimum_is_english() {
        for (key, text) in keyed(MINIMUM) {
            assert_eq!(find(ENGLISH, key), Some(text), "{key}");
        }
        let english = Texts::new(ENGLISH.to_owned()).replies().join("\n");
        let minimum = Texts::default();
        assert!(!minimum.replies().is_empty());
        assert!(minimum.replies().iter().all(|reply| english.contains(reply)));
        assert_eq!(minimum.get("idle"), "This button does nothing.");
    }

    #[test]
    fn counted_texts_have_their_number() {
        assert_eq!(Texts::default().of("waits", 1, "1"), "1 press waits for the network.");
        assert_eq!(Texts::default().of("waits", 3, "3"), "3 presses wait for the network.");
    }
}
