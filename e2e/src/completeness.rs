//! When a session is complete: when its highest-count event is an ExitPage and every count below it is
//! there. The cases that every database with a view `session_completeness` must agree on.

use schemas::MAX_COUNT;

/// The events of one session, and what the view has to say of it.
pub struct Case {
    /// Counts and actions.
    pub events: &'static [(u64, &'static str)],
    /// Presses among them.
    pub presses: u64,
    /// As many events as there must be, as far as can be told.
    pub expected: u64,
    /// As many of them as are not there.
    pub missing: u64,
    /// Whether the session is complete.
    pub complete: bool,
}

const ENTER: &str = "EnterPage";
const PRESS: &str = "PressButton";
const EXIT: &str = "ExitPage";

/// The cases.
pub const CASES: [Case; 8] = [
    case(&[(0, ENTER), (1, PRESS), (2, EXIT)], 1, 3, 0, true),
    case(&[(0, ENTER), (1, EXIT), (2, ENTER), (3, EXIT)], 0, 4, 0, true),
    // It has come back, and has not left again (yet).
    case(&[(0, ENTER), (1, EXIT), (2, ENTER)], 0, 3, 0, false),
    case(&[(0, ENTER), (1, PRESS)], 1, 2, 0, false),
    // Something is missing: the first, one in between, several.
    case(&[(1, PRESS), (2, EXIT)], 1, 3, 1, false),
    case(&[(0, ENTER), (2, EXIT)], 0, 3, 1, false),
    case(&[(9, EXIT)], 0, 10, 9, false),
    // A count that no page reaches is left out.
    case(&[(0, ENTER), (1, EXIT), (MAX_COUNT + 1, PRESS), ((1 << 53) - 1, ENTER)], 0, 2, 0, true),
];

impl Case {
    /// Events with a count that a page can reach.
    pub fn counted(&self) -> usize {
        self.events.iter().filter(|(count, _)| *count <= MAX_COUNT).count()
    }
}

const fn case(
    events: &'static [(u64, &'static str)],
    presses: u64,
    expected: u64,
    missing: u64,
    complete: bool,
) -> Case {
    Case { events, presses, expected, missing, complete }
}
