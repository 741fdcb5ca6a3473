//! Languages of a client, from its `Accept-Language` header (RFC 9110, section 12.5.4).
//!
//! Pure. Nothing of the header's text is kept: the result consists of constants.

use axum::http::{HeaderMap, header::ACCEPT_LANGUAGE};

/// Languages of the names in GeoLite2, GeoIP2 and DB-IP.
const LANGUAGES: [&str; 8] = [ENGLISH, "de", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];

/// The language of recorded places.
const ENGLISH: &str = "en";

/// Members of the header's list that are read. Browsers send fewer than ten.
const MAX_MEMBERS: usize = 32;

/// The languages that a client prefers to English, best first; empty for most clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages(pub(crate) Vec<&'static str>);

impl Languages {
    /// The languages of a request. Members of the list that are invalid, or of a language in which no
    /// database has names, are ignored.
    pub fn accepted(headers: &HeaderMap) -> Self {
        // Several lines of a header are one list (RFC 9110, section 5.3).
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter();
        let members = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let mut weighted: Vec<_> = members.take(MAX_MEMBERS).filter_map(parse_member).collect();
        // Stable: languages of equal weight stay in the order of the header.
        weighted.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let languages = weighted.into_iter().map(|(_, language)| language);
        Self(languages.take_while(|language| *language != ENGLISH).collect())
    }
}

/// Weight and language of a member such as `de-AT;q=0.8`; `None` if it is not acceptable or not known. A
/// language is found by its primary subtag: `pt` and `pt-PT` are `pt-BR`.
fn parse_member(member: &[u8]) -> Option<(f32, &'static str)> {
    let member = str::from_utf8(member).ok()?;
    let (range, parameters) = member.split_once(';').unwrap_or((member, ""));
    let language = match primary_subtag(range.trim_ascii()) {
        // Any other language: the one of recorded places is as good.
        "*" => ENGLISH,
        subtag => LANGUAGES
            .into_iter()
            .find(|language| primary_subtag(language).eq_ignore_ascii_case(subtag))?,
    };
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let weight = match parameters.find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case("q")) {
        Some((_, weight)) => weight.trim_ascii().parse().ok()?,
        None => 1.0,
    };
    (weight > 0.0 && weight <= 1.0).then_some((weight, language))
}

fn primary_subtag(tag: &str) -> &str {
    // Programs that take the language from their environment send `de_DE`.
    tag.split(['-', '_']).next().unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    fn accepted(lines: &[&[u8]]) -> Vec<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT_LANGUAGE, HeaderValue::from_bytes(line).unwrap());
        }
        Languages::accepted(&headers).0
    }

    #[track_caller]
    fn assert_accepted(header: &str, expected: &[&str]) {
        assert_eq!(accepted(&[header.as_bytes()]), expected, "{header}");
    }

    #[test]
    fn request_without_language_prefers_none_to_english() {
        assert!(accepted(&[]).is_empty());
        for header in ["", " ", ",", ";", "*", "en", "en-GB,en;q=0.9", "sv", "tlh, x-de, i-default"]
        {
            assert_accepted(header, &[]);
        }
    }

    #[test]
    fn languages_are_in_order_of_weight_and_end_at_english() {
        assert_accepted("de", &["de"]);
        assert_accepted("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", &["fr", "fr"]);
        assert_accepted("de;q=0.1,ja;q=0.2,es;q=0.2,ru", &["ru", "ja", "es", "de"]);
        assert_accepted("sv-SE,sv;q=0.9,de;q=0.5", &["de"]);
        assert_accepted("de;q=0.5, en", &[]);
        assert_accepted("de;q=0.5, *", &[]);
        assert_accepted("en;q=0.5, *;q=0.1, de", &["de"]);
    }

    #[test]
    fn language_is_found_by_its_primary_subtag() {
        for (header, language) in [
            ("pt", "pt-BR"),
            ("pt-PT", "pt-BR"),
            ("zh", "zh-CN"),
            ("zh-Hant-TW", "zh-CN"),
            ("DE-at", "de"),
            ("de_DE", "de"),
            ("ES-419", "es"),
        ] {
            assert_accepted(header, &[language]);
        }
        for header in ["d", "den", "deu", "-de", "pt.BR", "german", "de de"] {
            assert_accepted(header, &[]);
        }
    }

    #[test]
    fn invalid_weight_or_weight_zero_excludes_language() {
        for weight in ["0", "0.000", "-1", "1.1", "7", "nan", "inf", "x", "", "0,5", "0.5.5"] {
            assert_accepted(&format!("de;q={weight},fr;q=0.1"), &["fr"]);
        }
        for member in ["de ; q=0.5", "de;Q=0.5", "de;q = 0.5 ", "de;level=1;q=0.5", "de;q"] {
            assert_accepted(&format!("{member},fr;q=0.1"), &["de", "fr"]);
        }
    }

    #[test]
    fn lines_are_one_list_and_invalid_members_are_ignored() {
        assert_eq!(accepted(&[b"fr;q=0.5, sv", b"de"]), ["de", "fr"]);
        assert_eq!(accepted(&[b"\xff\xfe, de\xe9, \t\xf0\x9f, ja"]), ["ja"]);
    }

    #[test]
    fn only_first_members_are_read() {
        let long = "x".repeat(100_000);
        assert_accepted(&format!("de,{long}"), &["de"]);
        assert_accepted(&format!("{long},de"), &["de"]);
        assert_accepted(&format!("{}de", "xx,".repeat(MAX_MEMBERS - 1)), &["de"]);
        assert_accepted(&format!("{}de", "xx,".repeat(MAX_MEMBERS)), &[]);
        assert_eq!(accepted(&["de".repeat(9).as_bytes(); 10_000]).len(), 0);
        assert!(accepted(&[&b"de,de,de"[..]; 10_000]).len() <= MAX_MEMBERS);
    }

    proptest! {
        #[test]
        fn any_header_yields_known_languages(line in "[\\x20-\\x7e\u{80}-\u{ff}]{0,80}") {
            for language in accepted(&[line.as_bytes()]) {
                prop_assert!(LANGUAGES.contains(&language) && language != ENGLISH);
            }
        }
    }
}
