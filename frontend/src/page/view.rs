//! What is to be seen: a snapshot that the driver makes and the component draws.

use page_texts::credit::Credit;
use schemas::Action;

/// Everything on the page that changes, in the visitor's language.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// How often the button was pressed in this session.
    pub presses: u64,
    /// The same, as it is written.
    pub count: String,
    /// The word that goes with it.
    pub presses_word: String,
    /// What is on the button.
    pub cap: String,
    /// What the button says.
    pub reply: String,
    /// What became of the events.
    pub status: String,
    /// How many events are not acknowledged yet.
    pub waiting: usize,
    /// The newest events of this session, oldest first.
    pub log: Vec<Cell>,
    /// The latest event, field by field as it is recorded.
    pub record: Vec<(&'static str, String)>,
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
