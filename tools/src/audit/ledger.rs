//! The account of every session: which counts were seen, in which order, by which clock. Pure.
//!
//! A session whose events arrive in order takes 29 bytes, hash table included, times what the table
//! keeps free: 10 million sessions take 490 MB, and 730 MB for the moment in which the table grows.
//! Each gap takes another 8 bytes, and a session with gaps about 50 more.

use schemas::{Action, Event, MAX_COUNT, Timestamp, Uuid};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// An event that claims to have happened so long after it arrived has a clock that runs ahead.
const AHEAD_MICROS: i64 = 60 * 1_000_000;
/// An event that arrived so long after it happened waited for a network, or has a clock that runs
/// behind.
const LATE_MICROS: i64 = 3600 * 1_000_000;

/// An event as it was found.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Its session.
    pub session_id: Uuid,
    /// What happened.
    pub event: Event,
    /// When the relay received it, where that is known.
    pub received_at: Option<Timestamp>,
}

/// What is known of a session.
#[derive(Clone, Copy)]
struct Session {
    /// One more than the highest count; the highest bit says that its event is an `ExitPage`.
    next: u32,
    /// When that event happened, in seconds since 1970: four bytes do until 2106, and the rest is then.
    happened: u32,
    /// Where its gaps are, or none.
    gaps: Option<Gaps>,
}

/// One more than the index in the table of gaps.
type Gaps = std::num::NonZeroU32;

const EXIT: u32 = 1 << 31;

/// Ranges of counts that have not been seen, first and last, in order.
type Ranges = Vec<(u32, u32)>;

/// The accounts.
pub struct Ledger {
    // In words of four bytes, so that an entry needs no padding.
    sessions: HashMap<[u32; 4], Session>,
    gaps: Vec<Ranges>,
    unused: Vec<Gaps>,
    tally: Tally,
}

/// What is counted as it passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Events, each identity once.
    pub events: u64,
    /// Events that were there already: the same session and count.
    pub repeats: u64,
    /// Events that came after one of their session with a higher count; `None` where the order of arrival
    /// is not known.
    pub out_of_order: Option<u64>,
    /// Events with a count above [`MAX_COUNT`], which no page reaches; they are in no other number.
    pub beyond_belief: u64,
    /// What the clocks say.
    pub clocks: Clocks,
}

/// Oddities of clocks. They are the visitors', and may be wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Clocks {
    /// Events that happened a second or more before the one before them in their session, those that came
    /// out of order left out.
    pub set_back: u64,
    /// Events that happened over a minute after they arrived; `None` where arrival is not known.
    pub ahead: Option<u64>,
    /// Events that arrived over an hour after they happened; `None` where arrival is not known.
    pub late: Option<u64>,
}

/// What is found in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
    /// The sessions.
    pub sessions: Sessions,
    /// Counts that were not seen though higher ones of their session were.
    pub missing: u64,
    /// Sessions with such gaps, by their ids; not necessarily all.
    pub gaps: Vec<Gap>,
}

/// Kinds of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// All of them.
    pub total: u64,
    /// Nothing is missing, and the last event is an `ExitPage`.
    pub complete: u64,
    /// Nothing is missing up to the last event, which is no `ExitPage`: still running, or its end has not
    /// arrived.
    pub unfinished: u64,
    /// Something is missing.
    pub with_gaps: u64,
}

/// A session with gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The session.
    pub session_id: Uuid,
    /// How many events it has, up to its highest count.
    pub expected: u64,
    /// First and last count of each gap.
    pub missing: Vec<(u32, u32)>,
    /// Whether its last event is an `ExitPage`.
    pub finished: bool,
}

impl Ledger {
    /// Empty accounts, of events that are seen in the order in which they arrived or in any other.
    pub fn new(in_order_of_arrival: bool) -> Self {
        let out_of_order = in_order_of_arrival.then_some(0);
        let tally = Tally { out_of_order, ..Tally::default() };
        Self { sessions: HashMap::new(), gaps: Vec::new(), unused: Vec::new(), tally }
    }

    /// Takes an event into account.
    pub fn see(&mut self, sighting: &Sighting) {
        let Sighting { session_id, event, received_at } = sighting;
        if event.count > MAX_COUNT {
            self.tally.beyond_belief += 1;
            return;
        }
        // In range, as it is far below 2^31.
        let count = event.count as u32;
        let happened = seconds(event.timestamp);
        let exit = if event.action == Action::ExitPage { EXIT } else { 0 };
        let session = self.sessions.entry(words(*session_id)).or_insert(Session {
            next: 0,
            happened: 0,
            gaps: None,
        });
        let next = session.next & !EXIT;
        if count >= next {
            if count > next {
                let gaps = *session.gaps.get_or_insert_with(|| match self.unused.pop() {
                    Some(gaps) => gaps,
                    None => {
                        self.gaps.push(Ranges::new());
                        gaps_at(self.gaps.len() - 1)
                    }
                });
                self.gaps[index(gaps)].push((next, count - 1));
            } else if happened < session.happened {
                self.tally.clocks.set_back += 1;
            }
            session.next = (count + 1) | exit;
            session.happened = happened;
        } else {
            let Some(gaps) = session.gaps.filter(|gaps| fill(&mut self.gaps[index(*gaps)], count))
            else {
                self.tally.repeats += 1;
                return;
            };
            if let Some(out_of_order) = &mut self.tally.out_of_order {
                *out_of_order += 1;
            }
            if self.gaps[index(gaps)].is_empty() {
                session.gaps = None;
                self.unused.push(gaps);
            }
        }
        self.tally.events += 1;
        if let Some(received_at) = received_at {
            let late = received_at.micros() - event.timestamp.micros();
            let Clocks { ahead, late: lates, .. } = &mut self.tally.clocks;
            *ahead.get_or_insert(0) += u64::from(late < -AHEAD_MICROS);
            *lates.get_or_insert(0) += u64::from(late > LATE_MICROS);
        }
    }

    /// The findings, with `show` sessions that have gaps at most: those with the lowest ids.
    pub fn verdict(&self, show: usize) -> Verdict {
        let mut sessions = Sessions { total: self.sessions.len() as u64, ..Sessions::default() };
        let mut missing = 0;
        let mut shown = BTreeMap::new();
        for (id, session) in &self.sessions {
            let finished = session.next & EXIT != 0;
            let Some(gaps) = session.gaps else {
                if finished {
                    sessions.complete += 1;
                } else {
                    sessions.unfinished += 1;
                }
                continue;
            };
            sessions.with_gaps += 1;
            let ranges = &self.gaps[index(gaps)];
            missing += ranges.iter().map(|(first, last)| u64::from(last - first + 1)).sum::<u64>();
            shown.insert(uuid(*id), (ranges, session.next & !EXIT, finished));
            if shown.len() > show {
                shown.pop_last();
            }
        }
        let gaps = shown.into_iter().map(|(session_id, (missing, next, finished))| Gap {
            session_id,
            expected: u64::from(next),
            missing: missing.clone(),
            finished,
        });
        Verdict { tally: self.tally.clone(), sessions, missing, gaps: gaps.collect() }
    }
}

/// Takes a count out of the ranges; `false` if it is in none.
fn fill(ranges: &mut Ranges, count: u32) -> bool {
    let at = ranges.partition_point(|(_, last)| *last < count);
    let Some(&(first, last)) = ranges.get(at).filter(|(first, _)| *first <= count) else {
        return false;
    };
    match (first == count, last == count) {
        (true, true) => {
            ranges.remove(at);
        }
        (true, false) => ranges[at].0 = count + 1,
        (false, true) => ranges[at].1 = count - 1,
        (false, false) => {
            ranges[at].1 = count - 1;
            ranges.insert(at + 1, (count + 1, last));
        }
    }
    true
}

fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.micros() / 1_000_000).unwrap_or(u32::MAX)
}

fn gaps_at(index: usize) -> Gaps {
    // More than four thousand million sessions with gaps fit into no memory.
    let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
    Gaps::new(number).unwrap_or(Gaps::MIN)
}

fn index(gaps: Gaps) -> usize {
    gaps.get() as usize - 1
}

fn words(id: Uuid) -> [u32; 4] {
    let bits = id.as_u128();
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

fn uuid(words: [u32; 4]) -> Uuid {
    Uuid::from_u128(words.into_iter().fold(0, |bits, word| bits << 32 | u128::from(word)))
}

#[cfg(test)]
mod tests;
