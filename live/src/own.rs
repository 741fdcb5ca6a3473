//! The visitor's own numbers: those of their country, which are among everybody's, and those of their
//! visit. Pure.

use crate::locale::Locale;
use schemas::{
    Place, Uuid,
    stats::{Presses, Stats, You},
};

/// What is said of the visitor's country, and of their visit where one is known.
pub fn sentence(stats: &Stats, you: &You, locale: &Locale) -> String {
    let (origin, Presses { presses, last_hour }) = if you.country_code == Place::NO_COUNTRY {
        (locale.text("own-unknown").to_owned(), stats.elsewhere)
    } else {
        let own = stats.countries.iter().find(|country| country.code == you.country_code);
        let presses = own.map(|own| Presses { presses: own.presses, last_hour: own.last_hour });
        (locale.country(&you.country_code, &you.country_name), presses.unwrap_or_default())
    };
    if presses == 0 {
        return locale.filled("own-none", &[("where", &origin)]);
    }
    let hour = match last_hour {
        0 => locale.text("hour-none").to_owned(),
        _ if last_hour >= presses => locale.counted("hour-all", presses),
        _ => locale.filled("hour-some", &[("n", &locale.number(last_hour))]),
    };
    let all = locale.counted("n-presses", presses);
    let sentence = locale.filled("own", &[("where", &origin), ("presses", &all), ("hour", &hour)]);
    match you.presses {
        Some(own) => format!("{sentence} {}", locale.counted("yours", own)),
        None => sentence,
    }
}

/// The session that an address names (`?session=…`), and the query without it; `None` where there is
/// no such thing. The name is not to stay in an address that people pass on.
pub fn taken_from(query: &str) -> Option<(Uuid, String)> {
    let is_session = |pair: &&str| pair.starts_with("session=");
    let pairs = || query.trim_start_matches('?').split('&');
    let session = pairs().find(is_session)?.strip_prefix("session=")?;
    let rest: Vec<_> = pairs().filter(|pair| !is_session(pair)).collect();
    let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Some((Uuid::try_parse(session).ok()?, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::locale::tests::plain;

    fn stats() -> Stats {
        let text = r#"{"at":"2026-01-02T03:04:05.000000+00:00","presses":1234,
            "countries":[{"code":"SE","name":"Sweden","presses":1000,"last_hour":3},
            {"code":"GB","name":"United Kingdom","presses":31,"last_hour":31},
            {"code":"PT","name":"Portugal","presses":1,"last_hour":0},
            {"code":"FI","name":"Finland","presses":1,"last_hour":1}],
            "elsewhere":{"presses":233,"last_hour":7}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn own(code: &str, presses: Option<u64>) -> String {
        own_in("en", code, presses)
    }

    fn own_in(language: &str, code: &str, presses: Option<u64>) -> String {
        let you =
            You { country_code: code.to_owned(), country_name: format!("Land of {code}"), presses };
        sentence(&stats(), &you, &plain(language))
    }

    #[test]
    fn sentence_has_the_numbers_of_the_country_and_of_the_visit() {
        assert_eq!(
            own("SE", Some(12)),
            "Land of SE: 1,000 presses, 3 in the last hour. 12 are yours."
        );
        assert_eq!(own("PT", None), "Land of PT: 1 press, none in the last hour.");
        assert_eq!(own("GB", Some(1)), "Land of GB: 31 presses, all in the last hour. 1 is yours.");
        assert_eq!(own("FI", None), "Land of FI: 1 press, in the last hour.");
        assert_eq!(own("DE", Some(0)), "Land of DE: no presses yet.");
        assert_eq!(
            own("--", Some(0)),
            "Place unknown, like yours: 233 presses, 7 in the last hour. None of them is yours yet."
        );
        assert_eq!(
            own_in("de", "GB", Some(31)),
            "Land of GB: 31 Knopfdrücke, alle in der letzten Stunde. 31 sind von dir."
        );
    }

    #[test]
    fn the_session_is_taken_out_of_the_address() {
        const ID: &str = "01234567-89ab-4def-8123-456789abcdef";
        let id = Uuid::try_parse(ID).unwrap();
        for (query, rest) in [
            (format!("?session={ID}"), ""),
            (format!("?url=https://a.b/?c&session={ID}"), "?url=https://a.b/?c"),
            (format!("?session={ID}&cohort=7"), "?cohort=7"),
        ] {
            assert_eq!(taken_from(&query), Some((id, rest.to_owned())), "{query}");
        }
        for query in ["", "?", "?url=x", "?session=", "?session=me"] {
            assert_eq!(taken_from(query), None, "{query}");
        }
    }
}
