//! Texts, numbers and countries in one language. Pure: what the browser's `Intl` does is passed in.
//!
//! English is in the download, and is what there is until the file of another language has come.

use page_texts::{fill, find};

/// The languages that there are files for.
const LANGUAGES: [&str; 5] = [ENGLISH, "de", "es", "fr", "ja"];

/// The language of what is recorded.
pub const ENGLISH: &str = "en";
const ENGLISH_TEXTS: &str = include_str!("../texts/en.txt");

/// Countries whose English names take an article within a sentence, by ISO 3166-1 alpha-2 code.
const WITH_ARTICLE: [&str; 31] = [
    "AE", "AX", "BQ", "BS", "CC", "CF", "CK", "DO", "FK", "FO", "GB", "GM", "IM", "IO", "KM", "KY",
    "MH", "MP", "MV", "NL", "PH", "PN", "PS", "SB", "SC", "TC", "TF", "UM", "US", "VG", "VI",
];

/// The name of the country of an ISO 3166-1 alpha-2 code; `None` where it is not known.
pub type CountryNames = Box<dyn Fn(&str) -> Option<String>>;

/// How a language writes numbers and names countries.
pub struct Formats {
    /// A number with the language's digits and separators.
    pub number: Box<dyn Fn(u64) -> String>,
    /// A number with few digits, as in "100K".
    pub short: Box<dyn Fn(u64) -> String>,
    /// Names of countries.
    pub country: CountryNames,
}

/// One language.
pub struct Locale {
    language: &'static str,
    file: &'static str,
    formats: Formats,
}

impl Locale {
    /// English, with these formats.
    pub fn english(formats: Formats) -> Self {
        Self { language: ENGLISH, file: ENGLISH_TEXTS, formats }
    }

    /// Another language with its file; `None` for a file that is none of texts: some hosts send their document,
    /// with 200, in the place of a file that they lack.
    pub fn new(language: &'static str, file: &'static str, formats: Formats) -> Option<Self> {
        find(file, "title").map(|_| Self { language, file, formats })
    }

    /// Its tag, as in `de`.
    pub fn language(&self) -> &'static str {
        self.language
    }

    /// The text of this key.
    pub fn text(&self, key: &str) -> &'static str {
        find(self.file, key).or_else(|| find(ENGLISH_TEXTS, key)).unwrap_or_default()
    }

    /// The text with these values in the places of these names.
    pub fn filled(&self, key: &str, values: &[(&str, &str)]) -> String {
        // Values have no braces: they are numbers, words of these files, and names of places.
        values
            .iter()
            .fold(self.text(key).to_owned(), |text, (name, value)| fill(&text, name, value))
    }

    /// A number.
    pub fn number(&self, number: u64) -> String {
        (self.formats.number)(number)
    }

    /// A number with few digits.
    pub fn short(&self, number: u64) -> String {
        (self.formats.short)(number)
    }

    /// The text of `key-0`, `key-1` or `key-n` with the number as `{n}`. Languages in which none is as many
    /// have no `key-0`.
    pub fn counted(&self, key: &str, number: u64) -> String {
        let text = match number {
            0 => find(self.file, &format!("{key}-0")),
            1 => find(self.file, &format!("{key}-1")),
            _ => None,
        };
        let text = text.unwrap_or_else(|| self.text(&format!("{key}-n")));
        fill(text, "n", &self.number(number))
    }

    /// The country's name; the English one of the topic where the language's is not known.
    pub fn country(&self, code: &str, english: &str) -> String {
        let name = (self.formats.country)(code);
        name.filter(|name| name != code).unwrap_or_else(|| english.to_owned())
    }

    /// The country's name within a sentence.
    pub fn country_in_sentence(&self, code: &str, english: &str) -> String {
        let name = self.country(code, english);
        let has_article = self.language != ENGLISH || name.starts_with("The ");
        if WITH_ARTICLE.contains(&code) && !has_article { format!("the {name}") } else { name }
    }
}

/// The first of these language tags that there are texts for, else English.
pub fn choose<'a>(wanted: impl IntoIterator<Item = &'a str>) -> &'static str {
    wanted.into_iter().find_map(known).unwrap_or(ENGLISH)
}

/// The language of a tag such as `de-AT`.
fn known(tag: &str) -> Option<&'static str> {
    let primary = tag.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.into_iter().find(|language| language.eq_ignore_ascii_case(primary))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::numbers::grouped;
    use std::collections::BTreeSet;

    const FILES: [(&str, &str); 5] = [
        (ENGLISH, ENGLISH_TEXTS),
        ("de", include_str!("../texts/de.txt")),
        ("es", include_str!("../texts/es.txt")),
        ("fr", include_str!("../texts/fr.txt")),
        ("ja", include_str!("../texts/ja.txt")),
    ];

    /// A language whose numbers have commas, and whose countries are those of the topic.
    pub fn plain(language: &str) -> Locale {
        let (language, file) = FILES.into_iter().find(|(known, _)| *known == language).unwrap();
        Locale::new(language, file, plain_formats()).unwrap()
    }

    fn plain_formats() -> Formats {
        Formats {
            number: Box::new(grouped),
            short: Box::new(|number| number.to_string()),
            country: Box::new(|_| None),
        }
    }

    fn keyed(file: &str) -> Vec<(&str, &str)> {
        file.lines().filter_map(|line| line.split_once(": ")).collect()
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_language_has_every_text() {
        let english = ENGLISH_TEXTS;
        assert_eq!(FILES.map(|(language, _)| language), LANGUAGES);
        for (language, file) in FILES {
            for (key, text) in keyed(english) {
                let own = find(file, key).unwrap_or_default();
                assert!(!own.trim().is_empty(), "{language} has no {key}");
                assert_eq!(placeholders(own), placeholders(text), "{language}, {key}");
            }
            let keys: BTreeSet<_> = keyed(file).into_iter().map(|(key, _)| key).collect();
            assert_eq!(
                keys.len(),
                file.lines().count(),
                "{language}: a line without a key, or twice"
            );
            let own = keys.iter().filter(|key| find(english, key).is_none());
            for key in own {
                assert!(key.ends_with("-0"), "{language}: {key} is not known");
                let several =
                    find(file, &format!("{}n", &key[..key.len() - 1])).unwrap_or_default();
                assert_eq!(
                    placeholders(find(file, key).unwrap_or_default()),
                    placeholders(several)
                );
            }
        }
    }

    #[test]
    fn languages_are_chosen_by_the_first_known_tag() {
        assert_eq!(choose(["pt-BR", "de-AT", "fr"]), "de");
        assert_eq!(choose(["FR"]), "fr");
        assert_eq!(choose(["", "xx", "den"]), "en");
        assert_eq!(choose([]), "en");
    }

    #[test]
    fn file_without_texts_is_no_language() {
        let of = |file| Locale::new("de", file, plain_formats());
        assert!(of("<!doctype html>\n<title>The Kafka button</title>\n").is_none());
        let older = of("title: Der Kafka-Knopf, live\n").unwrap();
        assert_eq!(older.text("title"), "Der Kafka-Knopf, live");
        assert_eq!(older.text("pause"), "Pause", "what a file lacks is English");
    }

    #[test]
    fn counted_texts_follow_the_languages_plural() {
        let counted = |language, number| plain(language).counted("n-presses", number);
        assert_eq!(
            ["0 presses", "1 press", "1,001 presses"],
            [0, 1, 1001].map(|n| counted("en", n))
        );
        assert_eq!(["0 clic", "1 clic", "2 clics"], [0, 1, 2].map(|n| counted("fr", n)));
        assert_eq!(["1回", "2回"], [1, 2].map(|n| counted("ja", n)));
    }

    #[test]
    fn english_countries_have_their_article_in_sentences() {
        let named = |language: &str, code, name| plain(language).country_in_sentence(code, name);
        assert_eq!(named("en", "US", "United States"), "the United States");
        assert_eq!(named("en", "NL", "The Netherlands"), "The Netherlands");
        assert_eq!(named("en", "PT", "Portugal"), "Portugal");
        assert_eq!(named("de", "US", "United States"), "United States");
        assert_eq!(plain("en").country("US", "United States"), "United States");
    }
}
