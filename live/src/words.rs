//! What is said about presses. Pure.

use crate::locale::Locale;
use schemas::stats::Latest;
use schemas::{Place, Timestamp};

/// Where a press came from, as far as it is known.
pub fn origin(press: &Latest, locale: &Locale) -> String {
    match (&press.city_name, press.country_code.as_str()) {
        (_, Place::NO_COUNTRY) => {
            let key = match press.country_name.as_str() {
                "Private Network" => "someone-network",
                "Localhost" => "someone-here",
                _ => "someone-somewhere",
            };
            locale.text(key).to_owned()
        }
        (Some(city), _) => locale.filled("someone-near", &[("city", city)]),
        (None, code) => {
            let country = locale.country_in_sentence(code, &press.country_name);
            locale.filled("someone-in", &[("country", &country)])
        }
    }
}

/// How long ago it was.
pub fn ago(then: Timestamp, now: Timestamp, locale: &Locale) -> String {
    let (key, number) = match (now.micros() - then.micros()) / 1_000_000 {
        ..2 => return locale.text("now").to_owned(),
        seconds @ 2..60 => ("seconds", seconds),
        seconds @ 60..3600 => ("minutes", seconds / 60),
        seconds @ 3600..86_400 => ("hours", seconds / 3600),
        seconds => ("days", seconds / 86_400),
    };
    locale.filled(key, &[("n", &locale.number(number.unsigned_abs()))])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::locale::tests::plain;

    fn origin_in(language: &str, code: &str, country: &str, city: Option<&str>) -> String {
        let press = Latest {
            received_at: Timestamp::EPOCH,
            country_code: code.to_owned(),
            country_name: country.to_owned(),
            city_name: city.map(str::to_owned),
            latitude: None,
            longitude: None,
        };
        origin(&press, &plain(language))
    }

    #[test]
    fn origin_has_what_is_known() {
        let english = |code, country, city| origin_in("en", code, country, city);
        assert_eq!(english("PT", "Portugal", Some("Lisbon")), "someone near Lisbon");
        assert_eq!(english("PT", "Portugal", None), "someone in Portugal");
        assert_eq!(english("US", "United States", None), "someone in the United States");
        assert_eq!(english("--", "Private Network", None), "someone on this network");
        assert_eq!(english("--", "Localhost", None), "someone right here");
        assert_eq!(english("--", "Unknown", None), "someone somewhere");
        assert_eq!(origin_in("de", "PT", "Portugal", None), "jemand (Portugal)");
        assert_eq!(origin_in("ja", "PT", "Portugal", Some("Lisbon")), "Lisbon付近の誰か");
    }

    #[test]
    fn clocks_that_disagree_say_now() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        let ago = |then, now, language| {
            super::ago(at(then), at(now), &plain(language)).replace('\u{a0}', " ")
        };
        assert_eq!(ago(10, 9, "en"), "just now");
        assert_eq!(ago(10, 40, "en"), "30 s ago");
        assert_eq!(ago(0, 7300, "en"), "2 h ago");
        assert_eq!(ago(0, 200_000, "en"), "2 d ago");
        assert_eq!(ago(0, 200_000, "de"), "vor 2 T");
        assert_eq!(ago(0, 90, "ja"), "1分前");
    }
}
