//! The status line: what became of the presses, said honestly. Pure.

use crate::{
    outbox::{KafkaRecord, LastReceipt},
    texts::{Mood, Texts, fill},
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
    /// What the reply beside the line must not contradict.
    pub fn mood(&self) -> Mood {
        match &self.last_receipt {
            _ if self.no_address || !self.online || self.failing => {
                if self.waiting > 0 {
                    Mood::Waiting
                } else {
                    Mood::Unknown
                }
            }
            None => Mood::Unknown,
            Some(receipt) if receipt.durable_in == "kafka" => Mood::InKafka,
            Some(_) => Mood::Recorded,
        }
    }

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
            if let Some(record) = &last_receipt.record {
                say(&record_sentence(record, locale));
            }
            if last_receipt.pretended {
                say(texts.get("made-up"));
            }
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
    fill(locale.texts.get(key), "from", &from(last_receipt, locale))
}

fn record_sentence(record: &KafkaRecord, locale: Locale<'_>) -> String {
    let partition = (locale.number)(record.partition);
    let sentence = fill(locale.texts.get("record"), "partition", &partition);
    fill(&sentence, "offset", &(locale.number)(record.offset))
}

fn from(last_receipt: &LastReceipt, locale: Locale<'_>) -> String {
    let texts = locale.texts;
    let LastReceipt { place, place_name, .. } = last_receipt;
    let names = [place_name, &place.city_name, &place.subdivision_name];
    if let Some(name) = names.into_iter().flatten().next() {
        return fill(texts.get("from-near"), "place", name);
    }
    if place.country_code != Place::NO_COUNTRY {
        let mut country = (locale.country)(&place.country_code);
        if country.is_empty() {
            country.clone_from(&place.country_name);
        }
        // English alone has such words, and no country's name without its article in a sentence.
        let words = |text| str::as_bytes(text).split(|byte| *byte == b' ');
        if words(&country).any(|word| words(texts.get("the")).any(|the| the == word)) {
            country = ["the ", country.strip_prefix("The ").unwrap_or(&country)].concat();
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

    const ENGLISH: &str = include_str!("../texts/en.txt");
    const LANGUAGES: [(&str, &str); 5] = [
        ("de", include_str!("../texts/de.txt")),
        ("en", ENGLISH),
        ("es", include_str!("../texts/es.txt")),
        ("fr", include_str!("../texts/fr.txt")),
        ("ja", include_str!("../texts/ja.txt")),
    ];
    /// The countries that the relay names, as lines of a code, a tab and an English name.
    const COUNTRIES: &str = include_str!("../../crates/geo-ip/src/countries.tsv");

    fn line(file: &str, facts: &Facts) -> String {
        facts.line(Locale {
            texts: &Texts::new(file.to_owned()),
            number: &|number| number.to_string(),
            country: &|code| if code == "CH" { "Switzerland".to_owned() } else { String::new() },
        })
    }

    fn english(facts: &Facts) -> String {
        line(ENGLISH, facts)
    }

    fn online() -> Facts {
        Facts { online: true, ..Facts::default() }
    }

    fn receipt(press: bool, durable_in: &str, place: Place) -> LastReceipt {
        LastReceipt {
            press,
            event: Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count: 1 },
            durable_in: durable_in.to_owned(),
            place,
            record: None,
            place_name: None,
            pretended: false,
        }
    }

    fn received(last_receipt: LastReceipt) -> Facts {
        Facts { last_receipt: Some(last_receipt), ..online() }
    }

    fn country(code: &str, name: &str) -> Place {
        Place { country_name: name.to_owned(), country_code: code.to_owned(), ..Place::unknown() }
    }

    fn nahunta() -> Place {
        Place { city_name: Some("Nahunta".to_owned()), ..country("US", "United States") }
    }

    #[test]
    fn says_where_a_press_is_and_from_where() {
        let line = |press, durable_in, place| english(&received(receipt(press, durable_in, place)));
        assert_eq!(line(true, "kafka", nahunta()), "Your press from near Nahunta is in Kafka.");
        assert_eq!(line(false, "store", Place::unknown()), "Recorded: your visit from somewhere.");
        assert_eq!(
            line(true, "kafka", country("CH", "Swiss Confederation")),
            "Your press from Switzerland is in Kafka."
        );
        assert_eq!(
            line(true, "store", country("XK", "Kosovo")),
            "Recorded: your press from Kosovo."
        );
    }

    #[test]
    fn place_in_kafka_is_named() {
        let record = KafkaRecord { count: 1, partition: 2, offset: 1834, schema_id: 7, bytes: 87 };
        let in_kafka = receipt(true, "kafka", nahunta());
        let facts = received(LastReceipt { record: Some(record), ..in_kafka });
        let line_of = |language: &str| {
            let file = LANGUAGES.iter().find(|(known, _)| *known == language);
            line(file.map_or("", |(_, file)| file), &facts)
        };
        assert_eq!(
            line_of("en"),
            "Your press from near Nahunta is in Kafka. Partition 2, offset 1834: nobody else's, ever."
        );
        for (language, _) in LANGUAGES {
            let line = line_of(language);
            assert!(line.contains('2') && line.contains("1834"), "{language}: {line}");
        }
    }

    #[test]
    fn place_name_in_the_visitors_language_is_shown() {
        let munich = Place { city_name: Some("Munich".to_owned()), ..country("DE", "Germany") };
        let facts = received(LastReceipt {
            place_name: Some("München".to_owned()),
            ..receipt(true, "kafka", munich)
        });
        let (_, german) = LANGUAGES[0];
        assert_eq!(line(german, &facts), "Dein Knopfdruck aus dem Raum München ist in Kafka.");
    }

    #[test]
    fn made_up_place_is_said_to_be_one() {
        for (language, file) in LANGUAGES {
            let facts = |pretended| {
                received(LastReceipt { pretended, ..receipt(true, "store", nahunta()) })
            };
            let (real, made_up) = (line(file, &facts(false)), line(file, &facts(true)));
            let added = made_up.strip_prefix(&real).unwrap_or_default();
            assert!(added.len() > 20, "{language}: {made_up}");
        }
        let facts = received(LastReceipt { pretended: true, ..receipt(true, "store", nahunta()) });
        assert_eq!(
            english(&facts),
            "Recorded: your press from near Nahunta. We made that place up: you're on our own network."
        );
    }

    /// A preposition would need the name's article, and some of its forms, in most languages.
    #[test]
    fn every_country_is_named_without_a_wrong_article() {
        assert!(COUNTRIES.lines().count() > 200);
        for (code, name) in COUNTRIES.lines().filter_map(|line| line.split_once('\t')) {
            let facts = received(receipt(true, "kafka", country(code, name)));
            for (language, before) in
                [("de", "(Absender: "), ("es", "(origen: "), ("fr", "(origine "), ("ja", "")]
            {
                let file = LANGUAGES.iter().find(|(known, _)| *known == language);
                let line = line(file.map_or("", |(_, file)| file), &facts);
                let named = if code == "CH" { "Switzerland" } else { name };
                assert!(line.contains(&format!("{before}{named}")), "{language}: {line}");
            }
            let line = english(&facts);
            assert!(!line.contains("the The"), "{line}");
            let is_description = [
                "United ",
                "Republic",
                "Islands",
                " Territor",
                "Isle ",
                "States",
                "Netherlands",
                "Philippines",
                "Bahamas",
                "Maldives",
                "Seychelles",
                "Comoros",
                "Gambia",
            ]
            .iter()
            .any(|part| name.contains(part));
            assert_eq!(line.contains("from the "), is_description, "{line}");
        }
        for (name, said) in [
            ("United States", "from the United States is"),
            ("The Netherlands", "from the Netherlands is"),
            ("Czech Republic", "from the Czech Republic is"),
            ("Isle of Man", "from the Isle of Man is"),
            ("Turks & Caicos Islands", "from the Turks & Caicos Islands is"),
            ("Iceland", "from Iceland is"),
            ("Ireland", "from Ireland is"),
        ] {
            let line = english(&received(receipt(true, "kafka", country("--x", name))));
            assert!(line.contains(said), "{line}");
        }
    }

    #[test]
    fn mood_is_that_of_the_line() {
        let stored = || received(receipt(true, "store", nahunta()));
        let in_kafka = || received(receipt(true, "kafka", nahunta()));
        assert_eq!(online().mood(), Mood::Unknown);
        assert_eq!(stored().mood(), Mood::Recorded);
        assert_eq!(in_kafka().mood(), Mood::InKafka);
        let waiting = Facts { waiting: 1, waiting_presses: 1, ..in_kafka() };
        assert_eq!(waiting.mood(), Mood::InKafka, "it is on its way");
        for facts in [
            Facts { online: false, ..waiting.clone() },
            Facts { failing: true, ..waiting.clone() },
            Facts { no_address: true, ..waiting.clone() },
        ] {
            assert_eq!(facts.mood(), Mood::Waiting, "{facts:?}");
            assert_eq!(Facts { waiting: 0, ..facts }.mood(), Mood::Unknown, "nothing waits");
        }
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
            "3 presses are waiting to be sent. Keep this page open: your browser won't let it save \
             anything. 1 press was dropped: too many were waiting. The relay refused 2 events."
        );
        assert_eq!(english(&Facts::default()), "You're offline.");
        let refused = Facts { failing: true, refused: 1, ..online() };
        assert_eq!(english(&refused), "The relay refused 1 event.");
        let lost = Facts { no_address: true, ..online() };
        assert!(english(&lost).contains("relay"));
    }
}
