//! The status line: what became of the presses, said honestly. Pure.

use crate::outbox::{Location, Settled};
use schemas::Place;

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
    pub settled: Option<Settled>,
}

const NO_ADDRESS: &str = "This page does not know where to send your presses: its \
    <meta name=\"relay\"> holds no address. They wait in this browser.";

impl Facts {
    /// The line, as whole sentences.
    pub fn line(&self) -> String {
        let mut sentences: Vec<String> = Vec::new();
        if self.no_address {
            sentences.push(NO_ADDRESS.to_owned());
        } else if !self.online || self.failing {
            sentences.push(self.waiting_sentence());
            if self.memory_only {
                sentences.push("Keep this page open: it may not store anything.".to_owned());
            }
        } else if let Some(settled) = &self.settled {
            sentences.push(settled_sentence(settled));
        }
        if self.dropped > 0 {
            sentences
                .push(format!("{} dropped: too many were waiting.", presses_were(self.dropped)));
        }
        if self.refused > 0 {
            let events = plural(self.refused, "event", "events");
            sentences.push(format!("The relay refused {} {events}.", self.refused));
        }
        if self.unreadable > 0 {
            sentences.push("What an earlier page left here could not be read.".to_owned());
        }
        sentences.retain(|sentence| !sentence.is_empty());
        sentences.join(" ")
    }

    fn waiting_sentence(&self) -> String {
        let lead = if self.online { "" } else { "You are offline. " };
        match (self.waiting_presses as u64, self.waiting) {
            (0, 0) => lead.trim_end().to_owned(),
            (0, _) => format!("{lead}Your visit waits for the network."),
            (1, _) => format!("{lead}1 press waits for the network."),
            (n, _) => format!("{lead}{n} presses wait for the network."),
        }
    }
}

fn settled_sentence(settled: &Settled) -> String {
    let what = if settled.press { "press" } else { "visit" };
    let place = from(&settled.place);
    let state = if settled.durable_in == "kafka" { "in Kafka" } else { "recorded" };
    format!("Your {what} {place} is {state}.")
}

fn from(place: &Location) -> String {
    let name = place.city_name.as_ref().or(place.subdivision_name.as_ref());
    match name {
        Some(name) => format!("from near {name}"),
        None if place.country_code != Place::NO_COUNTRY => format!("from {}", place.country_name),
        None if place.country_name == Place::LOCALHOST => "from this very machine".to_owned(),
        None if place.country_name == Place::PRIVATE_NETWORK => {
            "from the network next door".to_owned()
        }
        None => "from somewhere".to_owned(),
    }
}

fn presses_were(n: u64) -> String {
    format!("{n} {}", plural(n, "press was", "presses were"))
}

fn plural(n: u64, one: &'static str, many: &'static str) -> &'static str {
    if n == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let settled = Some(Settled {
                press,
                durable_in: durable_in.to_owned(),
                place: Location::from(place),
            });
            Facts { settled, ..online() }.line()
        };
        assert_eq!(line(true, "kafka", nahunta), "Your press from near Nahunta is in Kafka.");
        assert_eq!(
            line(false, "store", Place::unknown()),
            "Your visit from somewhere is recorded."
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
            facts.line(),
            "3 presses wait for the network. Keep this page open: it may not store anything. \
             1 press was dropped: too many were waiting. The relay refused 2 events."
        );
        assert_eq!(Facts::default().line(), "You are offline.");
        let refused = Facts { failing: true, refused: 1, ..online() };
        assert_eq!(refused.line(), "The relay refused 1 event.");
        let lost = Facts { no_address: true, ..online() };
        assert!(lost.line().contains("relay"));
    }
}
