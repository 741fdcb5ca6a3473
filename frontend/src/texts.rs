//! What the page says, in the visitor's language. Pure.
//!
//! A language is a file in `frontend/texts`: lines of `key: text`, and the button's replies, one a
//! line, in four groups by when they are true (see [`Mood`]). Each group is preceded by an empty
//! line. `boot.js` fetches the visitor's; until it is there, and without it, the few English texts
//! of `minimum.txt` do.

pub use page_texts::fill;
use page_texts::find;

/// As in the files, and in the download: what the page cannot do without.
const MINIMUM: &str = include_str!("minimum.txt");

/// What a reply must not contradict: the status beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Nothing is known yet.
    Unknown,
    /// Presses wait: there is no network, or no relay.
    Waiting,
    /// The relay has stored what was sent.
    Recorded,
    /// It is in Kafka.
    InKafka,
}

impl Mood {
    /// The groups of replies that are true, a bit for each: the first always, the second for what is
    /// recorded, the third in Kafka, the fourth while presses wait.
    fn groups(self) -> u8 {
        match self {
            Self::Unknown => 0b0001,
            Self::Waiting => 0b1001,
            Self::Recorded => 0b0011,
            Self::InKafka => 0b0111,
        }
    }
}

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

    /// The button's replies that are true in this mood: never none.
    pub fn replies(&self, mood: Mood) -> Vec<&str> {
        let all = replies(&self.0, mood);
        if all.is_empty() { replies(MINIMUM, mood) } else { all }
    }
}

fn replies(file: &str, mood: Mood) -> Vec<&str> {
    // Its lowest bit is that of the group; none is, of what is before the groups.
    let mut groups = mood.groups() << 1;
    let is_true = |line: &&str| {
        groups >>= u8::from(line.is_empty());
        !line.is_empty() && groups & 1 == 1
    };
    file.lines().filter(is_true).collect()
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
            let english: Vec<_> =
                keyed(ENGLISH).into_iter().filter(|(key, _)| *key != "the").collect();
            for &(key, english) in &english {
                let text = find(file, key).unwrap_or_default();
                assert!(!text.is_empty(), "{language} has no {key}");
                assert_eq!(placeholders(text), placeholders(english), "{language}, {key}");
            }
            let keys = keyed(file).iter().filter(|(key, _)| *key != "the").count();
            assert_eq!(keys, english.len(), "{language}: keys that are not known");
            let lines = file.lines().take_while(|line| !line.is_empty()).count();
            assert_eq!(keyed(file).len(), lines, "{language}: a line without a key");
            let groups = groups(file);
            let sizes: Vec<_> = groups.iter().map(Vec::len).collect();
            let are_enough = sizes.iter().zip([25, 5, 8, 8]).all(|(size, least)| *size >= least);
            assert!(
                sizes.len() == 4 && are_enough,
                "{language}: replies always, recorded, in Kafka, waiting: {sizes:?}"
            );
            let replies = groups.concat();
            assert_eq!(replies.iter().collect::<BTreeSet<_>>().len(), replies.len(), "{language}");
            for reply in replies {
                let length = reply.chars().count();
                assert!((2..=75).contains(&length), "{language}: {length} characters: {reply}");
            }
        }
    }

    fn groups(file: &str) -> Vec<Vec<&str>> {
        file.split("\n\n").skip(1).map(|group| group.lines().collect()).collect()
    }

    #[test]
    fn replies_are_those_that_are_true_in_the_mood() {
        for (language, file) in LANGUAGES {
            let texts = Texts::new(file.to_owned());
            let [always, recorded, kafka, waiting] = &groups(file)[..] else {
                panic!("{language}: four groups");
            };
            let of = |groups: &[&Vec<&'static str>]| -> Vec<&str> {
                groups.iter().flat_map(|group| group.iter().copied()).collect()
            };
            assert_eq!(texts.replies(Mood::Unknown), of(&[always]), "{language}");
            assert_eq!(texts.replies(Mood::Waiting), of(&[always, waiting]), "{language}");
            assert_eq!(texts.replies(Mood::Recorded), of(&[always, recorded]), "{language}");
            assert_eq!(texts.replies(Mood::InKafka), of(&[always, recorded, kafka]), "{language}");
        }
        for mood in [Mood::Unknown, Mood::Waiting, Mood::Recorded, Mood::InKafka] {
            assert!(!Texts::default().replies(mood).is_empty(), "{mood:?}");
        }
    }

    #[test]
    fn replies_that_are_always_true_name_nothing_that_needs_a_network() {
        let words =
            ["offset", "offline", "broker", "leader", "follower", "partition", "select", "topic"];
        for (language, file) in LANGUAGES {
            for reply in &groups(file)[0] {
                let reply = reply.to_lowercase();
                assert!(words.iter().all(|word| !reply.contains(word)), "{language}: {reply}");
            }
        }
    }

    #[test]
    fn the_minimum_is_english() {
        for (key, text) in keyed(MINIMUM) {
            assert_eq!(find(ENGLISH, key), Some(text), "{key}");
        }
        let minimum = Texts::default();
        let always = &groups(ENGLISH)[0];
        assert!(minimum.replies(Mood::Unknown).iter().all(|reply| always.contains(reply)));
        assert_eq!(minimum.get("idle"), "This button does nothing.");
    }

    #[test]
    fn counted_texts_have_their_number() {
        assert_eq!(Texts::default().of("waits", 1, "1"), "1 press is waiting to be sent.");
        assert_eq!(Texts::default().of("waits", 3, "3"), "3 presses are waiting to be sent.");
    }
}
