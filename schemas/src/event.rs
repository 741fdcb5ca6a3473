//! An event of a session, as the page records it.

use crate::{Timestamp, text::Text};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

/// Largest count that the relay accepts. No page gets there: it takes ten presses a second for more than
/// eleven days. `expected` and `missing` events of a session are computed from its largest count, so one
/// made-up event must not be able to claim any number.
pub const MAX_COUNT: u64 = 9_999_999;

/// Largest integer that every component represents exactly, as JavaScript's numbers do: 2^53 − 1. Readers
/// accept counts up to here, since records of other writers and of earlier versions may have them.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// What the visitor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Action {
    /// The page came into view.
    EnterPage,
    /// The button was pressed.
    PressButton,
    /// The page was hidden or left.
    ExitPage,
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 3] = [Action::EnterPage, Action::PressButton, Action::ExitPage];

    /// Name in JSON, Avro and the SQL tables.
    pub fn name(self) -> &'static str {
        match self {
            Action::EnterPage => "EnterPage",
            Action::PressButton => "PressButton",
            Action::ExitPage => "ExitPage",
        }
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl<'de> Deserialize<'de> for Action {
    /// Accepts a string alone, where a derived enum also accepts `{"ExitPage": null}`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Text::deserialize(deserializer)?.0;
        Self::parse(&name)
            .ok_or_else(|| de::Error::custom("action is not EnterPage, PressButton or ExitPage"))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One event of a session, as the page records it.
///
/// The session id and `count` identify the event. Neither changes when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Time by the visitor's clock, never corrected.
    pub timestamp: Timestamp,
    /// What the visitor did.
    pub action: Action,
    /// Position of the event in its session, from 0 to [`MAX_COUNT`].
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_read_from_a_string_alone() {
        let parse = |json: &str| serde_json::from_str::<Action>(json).ok();
        assert_eq!(parse(r#""ExitPage""#), Some(Action::ExitPage));
        assert_eq!(parse(r#""\u0045xitPage""#), Some(Action::ExitPage));
        for invalid in [r#"{"ExitPage":null}"#, r#"["ExitPage"]"#, "2", "null", r#""exitpage""#] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
    }
}
