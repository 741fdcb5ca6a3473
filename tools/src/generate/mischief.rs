//! What goes wrong on purpose: events that are lost, repeated, or late; and the account of what whoever
//! looks afterwards must find. Pure.

use super::crowd::Happening;
use crate::audit::Sessions;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemas::{Action, ButtonPress, Event, Timestamp, Uuid};
use serde::Serialize;
use std::{collections::HashMap, net::IpAddr};

/// Chances of each event, from 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mischief {
    /// To be left out.
    pub lose: f64,
    /// To be sent twice: at once, or again after the next event of its session.
    pub repeat: f64,
    /// To be sent only after the next event of its session has happened.
    pub reorder: f64,
}

/// An event on its way.
#[derive(Clone)]
pub struct Sending {
    /// The record.
    pub press: ButtonPress,
    /// The visitor's address.
    pub address: IpAddr,
    /// When a relay has it.
    pub received_at: Timestamp,
}

/// Does the mischief, and keeps the account of it.
pub struct Prankster {
    mischief: Mischief,
    rng: ChaCha8Rng,
    visits: HashMap<Uuid, Visit>,
    account: Account,
}

#[derive(Default)]
struct Visit {
    held: Option<Sending>,
    again: Option<Sending>,
    /// Counts in the order in which they were sent.
    sent: Vec<u64>,
    highest_is_exit: bool,
}

/// What was done, and what must be found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Events that happened.
    pub happened: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Events that were left out.
    pub lost: u64,
    /// Sessions of which nothing was sent: nobody can know of them.
    pub unseen_sessions: u64,
    /// What an audit of all that was sent must find, by its names.
    pub audit: Expected,
}

/// The audit's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// Events, each identity once.
    pub events: u64,
    /// The same again.
    pub repeats: u64,
    /// After one of their session with a higher count.
    pub out_of_order: u64,
    /// The sessions.
    pub sessions: Sessions,
    /// Lost events that a later one of their session tells of.
    pub missing: u64,
}

impl Prankster {
    /// With chances of its own, so that the same seed makes the same visits with and without mischief.
    pub fn new(mischief: Mischief, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(1);
        Self { mischief, rng, visits: HashMap::new(), account: Account::default() }
    }

    /// Takes an event, and gives what is sent now.
    pub fn take<E>(
        &mut self,
        happening: Happening<'_>,
        mut send: impl FnMut(&ButtonPress, IpAddr, Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        let Happening { press, address, received_at, is_last } = happening;
        let Mischief { lose, repeat, reorder } = self.mischief;
        self.account.happened += 1;
        let visit = self.visits.entry(press.session_id).or_default();
        // What was kept back before goes out behind this event.
        let late = [visit.held.take(), visit.again.take()];
        let now = || Sending { press: press.clone(), address, received_at };
        // One fate for each event.
        let fate: f64 = self.rng.random();
        let mut times = 1;
        if fate < lose {
            self.account.lost += 1;
            times = 0;
        } else if fate < lose + reorder {
            visit.held = Some(now());
            times = 0;
        } else if fate < lose + reorder + repeat {
            if self.rng.random_bool(0.5) {
                visit.again = Some(now());
            } else {
                times = 2;
            }
        }
        for _ in 0..times {
            visit.note(press.event);
            self.account.sent += 1;
            send(press, address, received_at)?;
        }
        let rest = if is_last { [visit.held.take(), visit.again.take()] } else { [None, None] };
        for late in late.into_iter().chain(rest).flatten() {
            visit.note(late.press.event);
            self.account.sent += 1;
            send(&late.press, late.address, received_at.max(late.received_at))?;
        }
        if is_last && let Some(visit) = self.visits.remove(&press.session_id) {
            self.account.close(&visit);
        }
        Ok(())
    }

    /// The account of all visits that are over.
    pub fn account(self) -> Account {
        self.account
    }
}

impl Visit {
    /// An event of it is sent.
    fn note(&mut self, event: Event) {
        if self.sent.iter().all(|sent| *sent < event.count) {
            self.highest_is_exit = event.action == Action::ExitPage;
        }
        self.sent.push(event.count);
    }
}

impl Account {
    /// Counts anew from what was sent, the plain way: this is what the audit is held against.
    fn close(&mut self, visit: &Visit) {
        let mut distinct = visit.sent.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let Some(highest) = distinct.last() else {
            self.unseen_sessions += 1;
            return;
        };
        let events = distinct.len() as u64;
        let missing = highest + 1 - events;
        let late = |(index, count): &(usize, &u64)| {
            let before = &visit.sent[..*index];
            !before.contains(count) && before.iter().any(|other| other > *count)
        };
        let expected = &mut self.audit;
        expected.events += events;
        expected.repeats += visit.sent.len() as u64 - events;
        expected.out_of_order += visit.sent.iter().enumerate().filter(late).count() as u64;
        expected.missing += missing;
        expected.sessions.total += 1;
        let kind = match (missing, visit.highest_is_exit) {
            (0, true) => &mut expected.sessions.complete,
            (0, false) => &mut expected.sessions.unfinished,
            _ => &mut expected.sessions.with_gaps,
        };
        *kind += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        audit::{Ledger, Sighting, Tally, Verdict},
        generate::{
            crowd::{Crowd, Starts},
            origin::{Origins, Shares},
            visit::Visitors,
        },
    };
    use proptest::prelude::*;

    fn play(mischief: Mischief, seed: u64, sessions: u64) -> (Account, Verdict) {
        let starts = Starts::Within { left: sessions, at: 0, end: 3_600_000_000 };
        let visitors = Visitors::new(12).unwrap();
        let origins = Origins::built_in(Shares::default()).unwrap();
        let mut crowd = Crowd::new(seed, visitors, origins, None, starts).unwrap();
        let mut prankster = Prankster::new(mischief, seed);
        let mut ledger = Ledger::new(true);
        let mut see = |press: &ButtonPress, _, _| {
            let ButtonPress { session_id, event, .. } = press;
            ledger.see(&Sighting { session_id: *session_id, event: *event, received_at: None });
            Ok::<(), std::convert::Infallible>(())
        };
        while let Some(taken) = crowd.advance(|happening| prankster.take(happening, &mut see)) {
            taken.unwrap();
        }
        (prankster.account(), ledger.verdict(0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// Two accounts that know nothing of each other.
        #[test]
        fn the_audit_finds_what_was_done(
            seed: u64, lose in 0.0..0.6, repeat in 0.0..0.2, reorder in 0.0..0.2,
        ) {
            let (account, found) = play(Mischief { lose, repeat, reorder }, seed, 40);
            let Verdict { tally: Tally { events, repeats, out_of_order, .. }, sessions, missing, .. } = found;
            let out_of_order = out_of_order.unwrap();
            let found = Expected { events, repeats, out_of_order, sessions, missing };
            prop_assert_eq!(&found, &account.audit);
            prop_assert_eq!(sessions.total + account.unseen_sessions, 40);
            prop_assert_eq!(account.sent, events + repeats);
            prop_assert_eq!(account.happened, events + account.lost);
        }
    }

    #[test]
    fn without_mischief_all_is_complete() {
        let (account, found) = play(Mischief::default(), 5, 100);
        assert_eq!((account.lost, account.audit.missing, found.missing), (0, 0, 0));
        assert_eq!(account.audit.sessions.complete, 100);
        assert_eq!(account.sent, account.happened);
    }

    #[test]
    fn each_kind_of_mischief_happens() {
        let (account, _) = play(Mischief { lose: 0.1, repeat: 0.1, reorder: 0.1 }, 6, 200);
        assert!(
            account.lost > 0 && account.audit.missing > 0 && account.audit.missing <= account.lost
        );
        assert!(account.audit.repeats > 0 && account.audit.out_of_order > 0);
        assert!(account.audit.sessions.unfinished > 0 && account.audit.sessions.with_gaps > 0);
    }
}
