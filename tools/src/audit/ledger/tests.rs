#![allow(clippy::unwrap_used)]
use super::*;
use proptest::{collection::vec, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

fn sighting(session: u128, count: u64, action: Action, second: i64) -> Sighting {
    Sighting {
        session_id: Uuid::from_u128(session),
        event: Event {
            timestamp: Timestamp::from_micros(second * 1_000_000).unwrap(),
            action,
            count,
        },
        received_at: None,
    }
}

fn ledger(sightings: &[Sighting]) -> Ledger {
    let mut ledger = Ledger::new(true);
    sightings.iter().for_each(|sighting| ledger.see(sighting));
    ledger
}

/// A session's entry has the size that is stated.
#[test]
fn a_session_takes_twenty_eight_bytes() {
    assert_eq!(size_of::<([u32; 4], Session)>(), 28);
}

#[test]
fn sessions_are_complete_unfinished_or_have_gaps() {
    use Action::{EnterPage, ExitPage, PressButton};
    let found = ledger(&[
        sighting(1, 0, EnterPage, 0),
        sighting(1, 1, PressButton, 1),
        sighting(1, 2, ExitPage, 2),
        // Hidden and back: the first ExitPage is not its end.
        sighting(2, 0, EnterPage, 0),
        sighting(2, 1, ExitPage, 1),
        sighting(2, 2, EnterPage, 2),
        // Its beginning is missing.
        sighting(3, 4, PressButton, 0),
        sighting(3, 6, ExitPage, 0),
    ])
    .verdict(9);
    let sessions = Sessions { total: 3, complete: 1, unfinished: 1, with_gaps: 1 };
    assert_eq!(found.sessions, sessions);
    assert_eq!(found.missing, 5);
    let gap = Gap {
        session_id: Uuid::from_u128(3),
        expected: 7,
        missing: vec![(0, 3), (5, 5)],
        finished: true,
    };
    assert_eq!(found.gaps, [gap]);
}

#[test]
fn counts_that_nobody_reaches_are_left_out() {
    let found = ledger(&[
        sighting(1, 0, Action::EnterPage, 0),
        sighting(1, schemas::MAX_SAFE_INTEGER, Action::PressButton, 0),
        sighting(1, MAX_COUNT + 1, Action::PressButton, 0),
    ])
    .verdict(9);
    assert_eq!((found.tally.events, found.tally.beyond_belief, found.missing), (1, 2, 0));
    let high = ledger(&[sighting(1, MAX_COUNT, Action::ExitPage, 0)]).verdict(1);
    assert_eq!(high.missing, MAX_COUNT);
    assert!(high.gaps[0].finished);
}

#[test]
fn clocks_that_are_wrong_are_noticed() {
    let at = |count, second, received: i64| Sighting {
        received_at: Timestamp::from_micros(received * 1_000_000),
        ..sighting(1, count, Action::PressButton, second)
    };
    let found = ledger(&[
        at(0, 10_000, 10_001),
        at(1, 9_000, 10_002),
        at(2, 9_000, 12_601),
        at(3, 20_000, 19_940),
        at(4, 20_001, 19_940),
        at(5, 30_000, 33_601),
    ])
    .verdict(0);
    assert_eq!(found.tally.clocks, Clocks { set_back: 1, ahead: Some(1), late: Some(2) });
}

proptest! {
    /// Against an account that keeps everything.
    #[test]
    fn the_account_is_right_for_any_events_in_any_order(
        events in vec((0..4_u128, 0..12_u64, 0..3_usize), 0..120)
    ) {
        let actions = [Action::EnterPage, Action::PressButton, Action::ExitPage];
        // The action belongs to the identity: a repeat has the same.
        let action = |session: u128, count: u64| actions[(session as usize + count as usize) % 3];
        let mut seen: BTreeMap<u128, BTreeSet<u64>> = BTreeMap::new();
        let (mut repeats, mut out_of_order) = (0, 0);
        let mut ledger = Ledger::new(true);
        for (session, count, _) in events {
            ledger.see(&sighting(session, count, action(session, count), 0));
            let counts = seen.entry(session).or_default();
            let is_behind = counts.last().is_some_and(|last| count < *last);
            if !counts.insert(count) {
                repeats += 1;
            } else if is_behind {
                out_of_order += 1;
            }
        }
        let found = ledger.verdict(usize::MAX);
        prop_assert_eq!(found.tally.repeats, repeats);
        prop_assert_eq!(found.tally.out_of_order, Some(out_of_order));
        prop_assert_eq!(found.tally.events, seen.values().map(BTreeSet::len).sum::<usize>() as u64);
        let mut sessions = Sessions { total: seen.len() as u64, ..Sessions::default() };
        let mut missing = BTreeMap::new();
        for (session, counts) in &seen {
            let last = *counts.last().unwrap();
            let gone: Vec<u64> = (0..last).filter(|count| !counts.contains(count)).collect();
            if !gone.is_empty() {
                sessions.with_gaps += 1;
                missing.insert(*session, gone);
            } else if action(*session, last) == Action::ExitPage {
                sessions.complete += 1;
            } else {
                sessions.unfinished += 1;
            }
        }
        prop_assert_eq!(found.sessions, sessions);
        let found: BTreeMap<u128, Vec<u64>> = found
            .gaps
            .iter()
            .map(|gap| {
                let counts = gap.missing.iter().flat_map(|(first, last)| *first..=*last);
                (gap.session_id.as_u128(), counts.map(u64::from).collect())
            })
            .collect();
        prop_assert_eq!(found, missing);
    }
}
