//! Filter of events. Pure.

use clap::Args;
use schemas::{Action, ButtonPress};

/// Those that fit everything that is said.
#[derive(Args, Default)]
pub struct Filter {
    /// Only this session: its id, or how it begins.
    #[arg(long, value_name = "ID", value_parser = beginning_of_id)]
    session: Option<String>,

    /// Only these countries, by their ISO codes, as in SE,DE; -- is where none is known.
    #[arg(long, value_name = "CODES", value_delimiter = ',', allow_hyphen_values = true)]
    country: Vec<String>,

    /// Only these actions: EnterPage, PressButton, ExitPage.
    #[arg(long, value_name = "ACTIONS", value_delimiter = ',', value_parser = action)]
    action: Vec<Action>,
}

impl Filter {
    /// Whether the event passes the filter.
    pub fn lets_through(&self, press: &ButtonPress) -> bool {
        let session = |beginning: &String| press.session_id.to_string().starts_with(beginning);
        let country = |code: &String| press.place.country_code.eq_ignore_ascii_case(code);
        self.session.as_ref().is_none_or(session)
            && (self.country.is_empty() || self.country.iter().any(country))
            && (self.action.is_empty() || self.action.contains(&press.event.action))
    }
}

fn beginning_of_id(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    fits.then_some(text)
        .ok_or_else(|| "not the beginning of a session's id, such as 3f2a".to_owned())
}

fn action(text: &str) -> Result<Action, String> {
    Action::parse(text).ok_or_else(|| "not one of EnterPage, PressButton, ExitPage".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{Event, Place, Timestamp, Uuid};

    #[test]
    fn everything_that_is_said_has_to_fit() {
        let press = ButtonPress {
            session_id: Uuid::from_u128(0x3f2a << 112),
            event: Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count: 1 },
            place: Place { country_code: "SE".to_owned(), ..Place::unknown() }.into(),
            cohort: None,
        };
        let filter = |session: Option<&str>, country: &[&str], actions: &[Action]| Filter {
            session: session.map(|text| beginning_of_id(text).unwrap()),
            country: country.iter().map(|code| (*code).to_owned()).collect(),
            action: actions.to_vec(),
        };
        for (wanted, fits) in [
            (filter(None, &[], &[]), true),
            (filter(Some("3F2A"), &["no", "se"], &[Action::PressButton]), true),
            (filter(Some("3f2b"), &[], &[]), false),
            (filter(None, &["--"], &[]), false),
            (filter(None, &["SE"], &[Action::EnterPage, Action::ExitPage]), false),
        ] {
            assert_eq!(wanted.lets_through(&press), fits);
        }
        assert!(beginning_of_id("xyz").is_err());
        assert!(action("pressbutton").is_err());
    }
}
