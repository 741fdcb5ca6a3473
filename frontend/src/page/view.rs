//! What is to be seen: a snapshot that the driver makes and the components draw.

use crate::{credit::Credit, status::Facts};
use schemas::Action;

/// Everything on the page that changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// How often the button was pressed in this session.
    pub presses: u64,
    /// What the button said last; `None` before the first press.
    pub reply: Option<&'static str>,
    /// What became of the events.
    pub facts: Facts,
    /// The newest events of this session, oldest first.
    pub log: Vec<Cell>,
    /// Whose data the places are from.
    pub credit: Option<Credit>,
}

/// One event in the drawing of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its place in the session.
    pub count: u64,
    /// What happened.
    pub action: Action,
    /// Not acknowledged yet.
    pub waits: bool,
}
