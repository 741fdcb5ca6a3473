//! The visitor's own numbers: those of their country, which are among everybody's, and those of their
//! visit. Pure.

use crate::numbers::{counted, grouped};
use schemas::{
    Place, Uuid,
    stats::{Presses, Stats, You},
};

/// What is said of the visitor.
#[derive(Debug, PartialEq, Eq)]
pub struct Own {
    /// Where the next numbers are from.
    pub from: String,
    /// All presses from there.
    pub ever: String,
    /// Those of the last hour.
    pub last_hour: String,
    /// Presses of this visit, where one is known.
    pub visit: Option<String>,
}

impl Own {
    /// Puts together what the relay knows of the visitor and of their country.
    pub fn of(stats: &Stats, you: &You) -> Self {
        let (from, presses) = if you.country_code == Place::NO_COUNTRY {
            ("From elsewhere, as you are:".to_owned(), stats.elsewhere)
        } else {
            let own = stats.countries.iter().find(|country| country.code == you.country_code);
            let presses = own.map(|own| Presses { presses: own.presses, last_hour: own.last_hour });
            (format!("From your country, {}:", you.country_name), presses.unwrap_or_default())
        };
        Self {
            from,
            ever: counted(presses.presses, "press", "presses"),
            last_hour: grouped(presses.last_hour),
            visit: you.presses.map(grouped),
        }
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

    fn stats() -> Stats {
        let text = r#"{"at":"2026-01-02T03:04:05.000000+00:00","presses":1234,
            "countries":[{"code":"SE","name":"Sweden","presses":1000,"last_hour":3},
            {"code":"PT","name":"Portugal","presses":1,"last_hour":0}],
            "elsewhere":{"presses":233,"last_hour":7}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn own(code: &str, presses: Option<u64>) -> [String; 4] {
        let you =
            You { country_code: code.to_owned(), country_name: format!("Land of {code}"), presses };
        let Own { from, ever, last_hour, visit } = Own::of(&stats(), &you);
        [from, ever, last_hour, visit.unwrap_or_default()]
    }

    #[test]
    fn the_countrys_numbers_are_those_of_the_list() {
        assert_eq!(
            own("SE", Some(12)),
            ["From your country, Land of SE:", "1,000 presses", "3", "12"]
        );
        assert_eq!(own("PT", None)[1..], ["1 press", "0", ""]);
        assert_eq!(own("DE", Some(0))[1..], ["0 presses", "0", "0"], "nobody there pressed");
        assert_eq!(own("--", None)[..3], ["From elsewhere, as you are:", "233 presses", "7"]);
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
