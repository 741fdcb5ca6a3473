//! What is said about presses. Pure.

use schemas::stats::Latest;
use schemas::{Place, Timestamp};

/// Who pressed, as far as anybody knows.
pub fn somebody(press: &Latest) -> String {
    match (&press.city_name, press.country_code.as_str()) {
        (_, Place::NO_COUNTRY) => match press.country_name.as_str() {
            "Private Network" => "someone in this network".to_owned(),
            "Localhost" => "someone at the relay itself".to_owned(),
            _ => "someone somewhere".to_owned(),
        },
        (Some(city), _) => format!("someone near {city}"),
        (None, _) => format!("someone in {}", press.country_name),
    }
}

/// How long ago it was.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    match (now.micros() - then.micros()) / 1_000_000 {
        ..2 => "just now".to_owned(),
        seconds @ 2..60 => format!("{seconds} s ago"),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn press(code: &str, country: &str, city: Option<&str>) -> Latest {
        Latest {
            received_at: Timestamp::EPOCH,
            country_code: code.to_owned(),
            country_name: country.to_owned(),
            city_name: city.map(str::to_owned),
            latitude: None,
            longitude: None,
        }
    }

    #[test]
    fn says_what_is_known() {
        assert_eq!(somebody(&press("PT", "Portugal", Some("Lisbon"))), "someone near Lisbon");
        assert_eq!(somebody(&press("PT", "Portugal", None)), "someone in Portugal");
        assert_eq!(somebody(&press("--", "Private Network", None)), "someone in this network");
        assert_eq!(somebody(&press("--", "Localhost", None)), "someone at the relay itself");
        assert_eq!(somebody(&press("--", "Unknown", None)), "someone somewhere");
    }

    #[test]
    fn clocks_that_disagree_say_now() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000).unwrap();
        assert_eq!(ago(at(10), at(9)), "just now");
        assert_eq!(ago(at(10), at(40)), "30 s ago");
        assert_eq!(ago(at(0), at(7300)), "2 h ago");
        assert_eq!(ago(at(0), at(200_000)), "2 d ago");
    }
}
