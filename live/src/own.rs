//! The visitor's own numbers: those of their country, which are among everybody's, and those of their
//! visit. Pure.

use crate::locale::Locale;
use handover::Visit;
use schemas::{
    Place,
    stats::{Presses, Stats, You},
};

/// What is said of the visitor's country, and of their visit where one is known. Its place goes before that of the
/// request, which is not made up.
pub fn sentence(stats: &Stats, you: &You, visit: Option<&Visit>, locale: &Locale) -> String {
    let place = visit.and_then(|visit| visit.place.as_ref());
    let (code, name) = match place {
        Some(place) => (&place.country_code, &place.country_name),
        None => (&you.country_code, &you.country_name),
    };
    let (origin, Presses { presses, last_hour }) = if code == Place::NO_COUNTRY {
        (locale.text("own-unknown").to_owned(), stats.elsewhere)
    } else {
        let own = stats.countries.iter().find(|country| country.code == *code);
        let presses = own.map(|own| Presses { presses: own.presses, last_hour: own.last_hour });
        (locale.country(code, name), presses.unwrap_or_default())
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
    match visit {
        // Those that are on their way to the relay are not among all yet.
        Some(visit) => {
            format!("{sentence} {}", locale.counted("yours", visit.presses.min(presses)))
        }
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::locale::tests::plain;
    use handover::OwnPlace;

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
        let visit = presses.map(|presses| Visit { presses, ..Visit::default() });
        sentence(&stats(), &you(code), visit.as_ref(), &plain(language))
    }

    fn you(code: &str) -> You {
        You { country_code: code.to_owned(), country_name: format!("Land of {code}") }
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
    fn place_of_the_visit_goes_before_that_of_the_request() {
        let sweden = Place {
            country_code: "SE".to_owned(),
            country_name: "Sweden".to_owned(),
            ..Place::unknown()
        };
        let place = Some(OwnPlace::new(&sweden, None));
        let visit = Visit { presses: 2, place, ..Visit::default() };
        let sentence = sentence(&stats(), &you("--"), Some(&visit), &plain("en"));
        assert_eq!(sentence, "Sweden: 1,000 presses, 3 in the last hour. 2 are yours.");
    }

    #[test]
    fn own_presses_are_no_more_than_all() {
        assert_eq!(own("FI", Some(7)), "Land of FI: 1 press, in the last hour. 1 is yours.");
    }
}
