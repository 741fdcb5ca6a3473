//! The account of a visit: which events it must consist of.

use schemas::{Action, Event, EventBatch, Timestamp, Uuid};

/// Checks that the events, in the order of their counts, are one whole visit with so many presses:
/// it begins with an EnterPage, nothing is missing, nothing is twice, time does not run backwards,
/// and it ends with an ExitPage.
pub fn assert_whole_visit(events: &[Event], presses: u64) {
    let found: Vec<_> = events.iter().map(|event| (event.count, event.action)).collect();
    let mut expected = vec![(0, Action::EnterPage)];
    expected.extend((1..=presses).map(|count| (count, Action::PressButton)));
    expected.push((presses + 1, Action::ExitPage));
    assert_eq!(found, expected);
    assert!(events.is_sorted_by_key(|event| event.timestamp), "time runs backwards: {events:?}");
}

/// The body of a request with one press, for tests that speak to the relay themselves.
pub fn press(session_id: Uuid, count: u64, micros: i64) -> EventBatch {
    let timestamp = Timestamp::from_micros(micros).unwrap();
    let event = Event { timestamp, action: Action::PressButton, count };
    EventBatch { session_id, cohort: None, events: vec![event] }
}
