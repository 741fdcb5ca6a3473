//! One thing that happened on the page.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The largest count that survives every part: JavaScript numbers are exact up to 2^53 − 1.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// What the visitor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The page came into view.
    EnterPage,
    /// The button was pressed.
    PressButton,
    /// The page was hidden or left.
    ExitPage,
}

impl Action {
    /// Every action there is.
    pub const ALL: [Action; 3] = [Action::EnterPage, Action::PressButton, Action::ExitPage];

    /// The name that stands in JSON, Avro and the tables.
    pub fn name(self) -> &'static str {
        match self {
            Action::EnterPage => "EnterPage",
            Action::PressButton => "PressButton",
            Action::ExitPage => "ExitPage",
        }
    }

    /// The action of this name, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One event of a session, as the page records it.
///
/// Together with the session's id, `count` is the identity of the event: it never changes, however
/// often the event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened by the visitor's clock; never corrected afterwards.
    pub timestamp: Timestamp,
    /// What happened.
    pub action: Action,
    /// Place of the event in its session, from 0 to [`MAX_COUNT`].
    pub count: u64,
}
