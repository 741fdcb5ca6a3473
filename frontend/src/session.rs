//! The session of one page load: what happened, in which order. Pure.
//!
//! Rules: `EnterPage` has count 0 and each event takes the next count. Enter and exit alternate,
//! whatever order a browser fires its events in. A press belongs to a visit: should one arrive
//! while the page counts as hidden, the visit begins anew first. So the count of an `ExitPage` is
//! always the number of events before it.

use schemas::{Action, Event, Timestamp, Uuid};

/// One visit to the page, from its load until the document is gone.
///
/// Nothing of it is stored: a duplicated tab copies storage, and two tabs must never share an id.
#[derive(Debug)]
pub struct Session {
    id: Uuid,
    next_count: u64,
    present: bool,
    presses: u64,
}

impl Session {
    /// A session in which nothing has happened yet. A page that loads in a background tab stays
    /// like this until it is first seen.
    pub fn new(id: Uuid) -> Self {
        Self { id, next_count: 0, present: false, presses: 0 }
    }

    /// The identity of this page load.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// How often the button was pressed in this session.
    pub fn presses(&self) -> u64 {
        self.presses
    }

    /// The page came into view: loaded, visible again, or back from the back/forward cache.
    pub fn shown(&mut self, now: Timestamp) -> Option<Event> {
        let enters = !std::mem::replace(&mut self.present, true);
        enters.then(|| self.event(Action::EnterPage, now))
    }

    /// The page was hidden or left. Browsers tell it twice (`pagehide` and `visibilitychange`).
    pub fn hidden(&mut self, now: Timestamp) -> Option<Event> {
        let exits = std::mem::replace(&mut self.present, false);
        exits.then(|| self.event(Action::ExitPage, now))
    }

    /// The button was pressed: one event, or two where the visit had to begin anew.
    pub fn pressed(&mut self, now: Timestamp) -> impl Iterator<Item = Event> + use<> {
        let enter = self.shown(now);
        self.presses += 1;
        let press = self.event(Action::PressButton, now);
        enter.into_iter().chain([press])
    }

    fn event(&mut self, action: Action, timestamp: Timestamp) -> Event {
        let count = self.next_count;
        self.next_count += 1;
        Event { timestamp, action, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Signal {
        Shown,
        Hidden,
        Pressed,
    }

    fn signals() -> impl Strategy<Value = Vec<Signal>> {
        let signal = prop_oneof![Just(Signal::Shown), Just(Signal::Hidden), Just(Signal::Pressed)];
        prop::collection::vec(signal, 0..60)
    }

    fn play(signals: &[Signal]) -> Vec<Event> {
        let mut session = Session::new(Uuid::nil());
        let mut events = Vec::new();
        for (at, signal) in signals.iter().enumerate() {
            let now = Timestamp::from_millis_clamped(at as f64);
            match signal {
                Signal::Shown => events.extend(session.shown(now)),
                Signal::Hidden => events.extend(session.hidden(now)),
                Signal::Pressed => events.extend(session.pressed(now)),
            }
        }
        events
    }

    proptest! {
        #[test]
        fn counts_have_no_gaps_whatever_the_browser_signals(signals in signals()) {
            let counts: Vec<u64> = play(&signals).iter().map(|event| event.count).collect();
            prop_assert_eq!(counts.clone(), (0..counts.len() as u64).collect::<Vec<_>>());
        }

        #[test]
        fn visits_alternate_and_every_press_lies_within_one(signals in signals()) {
            let mut present = false;
            for event in play(&signals) {
                match event.action {
                    Action::EnterPage => prop_assert!(!std::mem::replace(&mut present, true)),
                    Action::ExitPage => prop_assert!(std::mem::replace(&mut present, false)),
                    Action::PressButton => prop_assert!(present),
                }
            }
        }

        #[test]
        fn no_press_is_lost(signals in signals()) {
            let pressed = signals.iter().filter(|s| matches!(s, Signal::Pressed)).count();
            let recorded = play(&signals).iter().filter(|e| e.action == Action::PressButton).count();
            prop_assert_eq!(pressed, recorded);
        }
    }

    #[test]
    fn a_visit_that_comes_back_goes_on_counting() {
        let events = play(&[
            Signal::Shown,
            Signal::Pressed,
            Signal::Hidden,
            Signal::Hidden,
            Signal::Shown,
            Signal::Hidden,
        ]);
        let story: Vec<_> = events.iter().map(|e| (e.action.name(), e.count)).collect();
        assert_eq!(
            story,
            [
                ("EnterPage", 0),
                ("PressButton", 1),
                ("ExitPage", 2),
                ("EnterPage", 3),
                ("ExitPage", 4),
            ]
        );
    }
}
