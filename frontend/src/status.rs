//! The status line: what became of the presses, said honestly. Pure.

use crate::{
    outbox::LastReceipt,
    texts::{Texts, fill},
};
use schemas::Place;

/// The visitor's language: its texts, and the formats that only a browser has.
#[derive(Clone, Copy)]
pub struct Locale<'a> {
    /// The texts of the visitor's language.
    pub texts: &'a Texts,
    /// A number as the language writes it.
    pub number: &'a dyn Fn(u64) -> String,
    /// The country of this ISO 3166-1 code in the language; empty where it is not known.
    pub country: &'a dyn Fn(&str) -> String,
}

/// What the line is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The page's relay address is none: nothing can be sent.
    pub no_address: bool,
    /// The browser believes that there is a network.
    pub online: bool,
    /// The last attempt to send failed.
    pub failing: bool,
    /// Presses that are not acknowledged.
    pub waiting_presses: usize,
    /// All events that are not acknowledged.
    pub waiting: usize,
    /// Nothing is stored: what waits is lost when the page is closed.
    pub memory_only: bool,
    /// Events that had to make room.
    pub dropped: u64,
    /// Events that the relay refused.
    pub refused: u64,
    /// Outboxes of earlier pages that could not be read.
    pub unreadable: usize,
    /// What the latest receipt said.
    pub last_receipt: Option<LastReceipt>,
}

impl Facts {
    /// The line, as whole sentences.
    pub fn line(&self, locale: Locale<'_>) -> String {
        let texts = locale.texts;
        let mut line = String::new();
        let mut say = |sentence: &str| {
            if !line.is_empty() && !sentence.is_empty() {
                line.push(' ');
            }
            line += sentence;
        };
        let of = |key, number| texts.of(key, number, &(locale.number)(number));
        if self.no_address {
            say(texts.get("no-address"));
        } else if !self.online || self.failing {
            if !self.online {
                say(texts.get("offline"));
            }
            match (self.waiting_presses as u64, self.waiting) {
                (0, 0) => {}
                (0, _) => say(texts.get("visit-waits")),
                (presses, _) => say(&of("waits", presses)),
            }
            if self.memory_only {
                say(texts.get("keep-open"));
            }
        } else if let Some(last_receipt) = &self.last_receipt {
            say(&receipt_sentence(last_receipt, locale));
        }
        if self.dropped > 0 {
            say(&of("dropped", self.dropped));
        }
        if self.refused > 0 {
            say(&of("refused", self.refused));
        }
        if self.unreadable > 0 {
            say(texts.get("unreadable"));
        }
        line
    }
}

fn receipt_sentence(last_receipt: &LastReceipt, locale: Locale<'_>) -> String {
    let key = match (last_receipt.press, last_receipt.durable_in == "kafka") {
        (true, true) => "press-in-kafka",
        (true, false) => "press-recorded",
        (false, true) => "visit-in-kafka",
        (false, false) => "visit-recorded",
    };
    fill(locale.texts.get(key), "from", &from(&last_receipt.place, locale))
}

fn from(place: &Place, locale: Locale<'_>) -> String {
    let texts = locale.texts;
    let name = place.city_name.as_ref().or(place.subdivision_name.as_ref());
    if let Some(name) = name {
        return fill(texts.get("from-near"), "place", name);
    }
    if place.country_code != Place::NO_COUNTRY {
        let mut country = (locale.country)(&place.country_code);
        if country.is_empty() {
            country.clone_from(&place.country_name);
        }
        return fill(texts.get("from-country"), "place", &country);
    }
    let key = match &*place.country_name {
        Place::LOCALHOST => "from-here",
        Place::PRIVATE_NETWORK => "from-next-door",
        _ => "from-somewhere",
    };
    texts.get(key).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::{Action, Event, Timestamp};

    fn english(facts: &Facts) -> String {
        facts.line(Locale {
            texts: &Texts::default(),
            number: &|number| number.to_string(),
            country: &|code| if code == "CH" { "Switzerland".to_owned() } else { String::new() },
        })
    }

    fn online() -> Facts {
        Facts { online: true, ..Facts::default() }
    }

    #[test]
    fn says_where_a_press_is_and_from_where() {
        let nahunta = Place {
            country_name: "United States".to_owned(),
            country_code: "US".to_owned(),
            city_name: Some("Nahunta".to_owned()),
            ..Place::unknown()
        };
        let line = |press, durable_in: &str, place| {
            let event =
                Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count: 1 };
            let last_receipt =
                Some(LastReceipt { press, event, durable_in: durable_in.to_owned(), place });
            english(&Facts { last_receipt, ..online() })
        };
        assert_eq!(line(true, "kafka", nahunta), "Your press from near Nahunta is in Kafka.");
        assert_eq!(
            line(false, "store", Place::unknown()),
            "Your visit from somewhere is recorded."
        );
        let country = |code: &str, name: &str| Place {
            country_name: name.to_owned(),
            country_code: code.to_owned(),
            ..Place::unknown()
        };
        assert_eq!(
            line(true, "kafka", country("CH", "Swiss Confederation")),
            "Your press from Switzerland is in Kafka."
        );
        assert_eq!(
            line(true, "store", country("XK", "Kosovo")),
            "Your press from Kosovo is recorded."
        );
    }

    #[test]
    fn hides_no_trouble() {
        let facts = Facts {
            failing: true,
            waiting: 4,
            waiting_presses: 3,
            dropped: 1,
            refused: 2,
            memory_only: true,
            ..online()
        };
        assert_eq!(
            english(&facts),
            "3 presses wait for the network. Keep this page open: it may not store anything. \
             1 press was dropped: too many were waiting. The relay refused 2 events."
        );
        assert_eq!(english(&Facts::default()), "You are offline.");
        let refused = Facts { failing: true, refused: 1, ..online() };
        assert_eq!(english(&refused), "The relay refused 1 event.");
        let lost = Facts { no_address: true, ..online() };
        assert!(english(&lost).contains("relay"));
    }
}
