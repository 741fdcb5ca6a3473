//! The outbox: every event is stored before it is sent, and removed only when the relay's own
//! receipt names it. Pure: clock, randomness, storage and transport are passed in.
//!
//! - One request is in flight at a time; what happens meanwhile leaves together in the next one.
//! - An attempt never changes an event, so a repeat is harmless: (session, count) is its identity.
//! - Unknown means kept: a lost answer, a captive portal's page, a redirect acknowledge nothing.
//! - What earlier pages left behind is adopted and sent too (whose is what: [`stored`]).
//! - Over [`MAX_EVENTS`] presses make room, oldest first; enters and exits only when nothing else
//!   is left, since they say what a session was. Drops are counted and shown.

mod receipt;
mod session_queue;
pub mod storage;
pub mod stored;

pub use receipt::{KafkaRecord, RequestOutcome};
pub use session_queue::MAX_BODY_BYTES;

use crate::{
    backoff::{Backoff, MAX_RETRY_AFTER_MILLIS, retry_after_millis},
    early,
};
use receipt::{Interpretation, Receipt};
use schemas::{Action, Event, Place, Uuid};
use session_queue::SessionQueue;
use storage::Storage;
use stored::StoredOutbox;

/// The most unacknowledged events that a session keeps: hours of pressing without a network, and
/// a tenth of what browsers let a site store.
pub const MAX_EVENTS: usize = 2000;

/// A heartbeat this recent is not repeated; far less than [`stored::HEARTBEAT_TIMEOUT_MILLIS`].
const HEARTBEAT_FRESH_MILLIS: f64 = 1000.0;

/// The longest wait after a failure for a visitor who presses, counted from the last attempt: the network may
/// be back, and each press of an outage must not become a request.
const PRESSED_RETRY_MILLIS: f64 = 2000.0;

/// A request to be made: `POST` of `body` to the relay.
#[derive(Debug, PartialEq)]
pub struct Request {
    /// Names the attempt in [`Outbox::complete`].
    pub ticket: u64,
    /// The JSON of an [`schemas::EventBatch`], at most [`MAX_BODY_BYTES`].
    pub body: String,
}

/// The relay's latest receipt for this page's own session, as the visitor sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct LastReceipt {
    /// Whether a press was among the accepted events.
    pub press: bool,
    /// The latest of the accepted events.
    pub event: Event,
    /// `kafka` or `store`.
    pub durable_in: String,
    /// Where the visitor seems to be.
    pub place: Place,
    /// Where the event is in Kafka, if it is there.
    pub record: Option<KafkaRecord>,
    /// The city in the visitor's language, where that has a name of its own for it.
    pub place_name: Option<String>,
    /// The relay has made the place up.
    pub pretended: bool,
}

/// Everything that is not acknowledged yet: of this page's session, and of earlier ones.
#[derive(Debug)]
pub struct Outbox<S> {
    storage: S,
    own: SessionQueue,
    adopted: Vec<SessionQueue>,
    finished: Vec<Uuid>,
    in_flight: Option<InFlight>,
    tickets: u64,
    last_served: Option<Uuid>,
    max_events: usize,
    backoff: Backoff,
    not_before: f64,
    /// When the server's own `Retry-After` is over, which presses do not shorten: it may be overloaded.
    retry_after: f64,
    attempted_at: f64,
    /// The last press, or the last change for the better.
    wanted_at: f64,
    stored_at: f64,
    left: bool,
    memory_only: bool,
    dropped: u64,
    refused: u64,
    unreadable: Vec<String>,
    last_receipt: Option<LastReceipt>,
    kept_days: Option<u64>,
    geo_database: Option<String>,
}

#[derive(Debug)]
struct InFlight {
    ticket: u64,
    session_id: Uuid,
    counts: Vec<u64>,
}

impl InFlight {
    /// What of this session is in flight.
    fn of(&self, session_id: Uuid) -> &[u64] {
        if self.session_id == session_id { &self.counts } else { &[] }
    }
}

impl<S: Storage> Outbox<S> {
    /// The empty outbox of a new session. Times are milliseconds since 1970.
    pub fn new(storage: S, session_id: Uuid, cohort: Option<i32>) -> Self {
        Self {
            storage,
            own: SessionQueue::new(session_id, cohort),
            adopted: Vec::new(),
            finished: Vec::new(),
            in_flight: None,
            tickets: 0,
            last_served: None,
            max_events: usize::MAX,
            backoff: Backoff::default(),
            not_before: f64::NEG_INFINITY,
            retry_after: f64::NEG_INFINITY,
            attempted_at: f64::NEG_INFINITY,
            wanted_at: f64::NEG_INFINITY,
            stored_at: f64::NEG_INFINITY,
            left: false,
            memory_only: false,
            dropped: 0,
            refused: 0,
            unreadable: Vec::new(),
            last_receipt: None,
            kept_days: None,
            geo_database: None,
        }
    }

    /// Keeps events of this page's session: when this returns they are stored, or, where storage
    /// is refused, in memory.
    pub fn record(&mut self, events: impl IntoIterator<Item = Event>, now: f64) {
        for event in events {
            if event.action == Action::PressButton {
                self.wanted_at = now;
            }
            self.own.insert(event);
        }
        let in_flight = self.in_flight.as_ref().map_or(&[][..], |it| it.of(self.own.session_id));
        while self.own.events().len() > MAX_EVENTS && self.own.drop_one(in_flight) {
            self.dropped += 1;
        }
        self.store_own(now);
    }

    /// The application has taken over, and recorded, what `boot.js` noted for this session.
    pub fn forget_early_notes(&mut self) {
        let key = format!("{}{}", early::KEY_PREFIX, self.own.session_id);
        // Refused: a later page makes the same events of them, with the same identities.
        let _repeated_at_worst = self.storage.remove(&key);
    }

    /// The page was hidden or left (`true`), or is in view again: from now on others may, or may
    /// not, adopt what it has not sent.
    pub fn set_left(&mut self, left: bool, now: f64) {
        if std::mem::replace(&mut self.left, left) != left && !self.own.events().is_empty() {
            self.store_own(now);
        }
    }

    /// The next request, if it is time for one and none is in flight.
    pub fn next_request(&mut self, now: f64) -> Option<Request> {
        if self.in_flight.is_some() || self.remaining_delay(now) > 0.0 {
            return None;
        }
        // Round-robin, so that a visitor who never stops pressing does not hold up older sessions.
        let waiting: Vec<Uuid> = self
            .queues()
            .filter(|queue| !queue.events().is_empty())
            .map(|queue| queue.session_id)
            .collect();
        let after_last =
            waiting.iter().position(|id| Some(*id) == self.last_served).map_or(0, |last| last + 1);
        let session_id = *waiting.get(after_last).or(waiting.first())?;
        self.start_request(session_id, now)
    }

    /// The last request of a page that is being hidden or left: everything of its own session
    /// that fits into one. It takes the place of a request in flight (which is to be aborted): an
    /// exit must not overtake the presses before it, and repeats are harmless. `None` when there
    /// is nothing that is not in flight already.
    pub fn final_request(&mut self, now: f64) -> Option<Request> {
        let in_flight = self.in_flight.as_ref().map_or(&[][..], |it| it.of(self.own.session_id));
        let news = self.own.events().iter().any(|event| !in_flight.contains(&event.count));
        news.then(|| self.start_request(self.own.session_id, now))?
    }

    fn start_request(&mut self, session_id: Uuid, now: f64) -> Option<Request> {
        let (body, counts) = self.queue(session_id)?.body(self.max_events);
        self.tickets += 1;
        self.attempted_at = now;
        self.last_served = Some(session_id);
        self.in_flight = Some(InFlight { ticket: self.tickets, session_id, counts });
        // A heartbeat, unless there has just been one.
        if !self.own.events().is_empty() && (now - self.stored_at).abs() > HEARTBEAT_FRESH_MILLIS {
            self.store_own(now);
        }
        Some(Request { ticket: self.tickets, body })
    }

    /// An attempt ended. Answers to attempts that are not in flight any more mean nothing.
    /// `random` lies in 0..1 and spreads the retries.
    pub fn complete(&mut self, ticket: u64, outcome: RequestOutcome, now: f64, random: f64) {
        let Some(request) = self.in_flight.take_if(|request| request.ticket == ticket) else {
            return;
        };
        match outcome.interpret(request.session_id) {
            Interpretation::Receipt(receipt) => {
                if self.apply_receipt(&request, *receipt, now) {
                    self.backoff.reset();
                    self.max_events = self.max_events.saturating_mul(2);
                    self.not_before = f64::NEG_INFINITY;
                } else {
                    self.back_off(None, now, random);
                }
            }
            Interpretation::Split { .. } if request.counts.len() > 1 => {
                self.max_events = request.counts.len() / 2;
                self.not_before = f64::NEG_INFINITY;
            }
            Interpretation::Split { by_relay: true } => {
                self.refused += 1;
                self.remove(request.session_id, &request.counts, now);
                self.back_off(None, now, random);
            }
            Interpretation::Split { by_relay: false } => self.back_off(None, now, random),
            Interpretation::Retry { retry_after } => self.back_off(retry_after, now, random),
        }
    }

    /// Removes what a receipt names; `false` when it names nothing of the request.
    fn apply_receipt(&mut self, request: &InFlight, receipt: Receipt, now: f64) -> bool {
        let mut removed: Vec<u64> = receipt.accepted;
        removed.retain(|count| request.counts.contains(count));
        let is_own = request.session_id == self.own.session_id;
        let accepted: Vec<Event> =
            removed.iter().filter_map(|count| self.own.get(*count)).copied().collect();
        if let (true, Some(event)) = (is_own, accepted.iter().max_by_key(|event| event.count)) {
            let records = receipt.records.iter();
            self.last_receipt = Some(LastReceipt {
                record: records.copied().find(|record| record.count == event.count),
                press: accepted.iter().any(|event| event.action == Action::PressButton),
                event: *event,
                durable_in: receipt.durable_in,
                place: receipt.location,
                place_name: receipt.place_name,
                pretended: receipt.pretended,
            });
        }
        self.kept_days = receipt.kept_days;
        self.geo_database = receipt.geo_database;
        for rejection in receipt.rejected {
            let count = rejection
                .count
                .filter(|count| request.counts.contains(count))
                .or_else(|| request.counts.get(rejection.index).copied());
            if let Some(count) = count.filter(|count| !removed.contains(count)) {
                self.refused += 1;
                removed.push(count);
            }
        }
        self.remove(request.session_id, &removed, now);
        !removed.is_empty()
    }

    /// Removes events by identity, from memory and from storage.
    fn remove(&mut self, session_id: Uuid, counts: &[u64], now: f64) {
        if session_id == self.own.session_id {
            self.own.remove(counts);
            self.store_own(now);
            return;
        }
        for queue in self.adopted.iter_mut().filter(|queue| queue.session_id == session_id) {
            queue.remove(counts);
            if queue.events().is_empty() {
                self.finished.push(session_id);
            }
        }
        self.adopted.retain(|queue| !queue.events().is_empty());
        // The owner may be back and may have added events: read again, remove these alone.
        let key = stored::key(session_id);
        if let Ok(Some(text)) = self.storage.read(&key)
            && let Some(mut stored) = StoredOutbox::parse(&text)
        {
            stored.events.retain(|event| !counts.contains(&event.count));
            // Refused: the events are sent once more by whoever adopts them next.
            let _repeated_at_worst = if stored.events.is_empty() {
                self.storage.remove(&key)
            } else {
                self.storage.write(&key, &stored.to_text())
            };
        }
    }

    fn back_off(&mut self, retry_after: Option<f64>, now: f64, random: f64) {
        self.not_before = now + self.backoff.next_delay(random, retry_after);
        self.retry_after = now + retry_after_millis(retry_after);
    }

    /// Something changed for the better (`online`, the page is in view): try at once, or, if an attempt
    /// from before that is in flight and fails, soon after it.
    pub fn reset_backoff(&mut self, now: f64) {
        self.not_before = f64::NEG_INFINITY;
        self.wanted_at = now;
    }

    /// In how many milliseconds [`Outbox::next_request`] has something; `None` while a request is
    /// in flight or nothing waits.
    pub fn due_in(&self, now: f64) -> Option<f64> {
        (self.in_flight.is_none() && self.waiting() > 0).then(|| self.remaining_delay(now))
    }

    /// What is left of the wait after a failure. One longer than any that was ever begun says that
    /// the clock was set back meanwhile, perhaps by years; then it is over.
    fn remaining_delay(&self, now: f64) -> f64 {
        let mut pause = self.not_before - now;
        if self.wanted_at > self.attempted_at {
            let soon = self.attempted_at + PRESSED_RETRY_MILLIS;
            pause = pause.min(soon.max(self.retry_after) - now);
        }
        if pause > MAX_RETRY_AFTER_MILLIS { 0.0 } else { pause.max(0.0) }
    }

    /// Sessions of other pages that have an outbox in storage and are not adopted yet, gone or
    /// not. What was pressed on pages that never came up is made into outboxes on the way.
    pub fn other_sessions(&mut self) -> Vec<Uuid> {
        let keys = self.storage.keys().unwrap_or_default();
        let own = self.own.session_id;
        for key in keys.iter().filter(|key| early::session_of(key) != Some(own)) {
            early::recover(&mut self.storage, key);
        }
        let keys = self.storage.keys().unwrap_or_default();
        keys.iter()
            .filter(|key| !self.unreadable.contains(*key))
            .filter_map(|key| stored::session_of(key))
            .filter(|id| *id != own && self.adopted.iter().all(|queue| queue.session_id != *id))
            .collect()
    }

    /// Whether the owner of another session's outbox is gone, by its heartbeats. Text
    /// that cannot be read has no owner who could read it either.
    pub fn is_abandoned(&self, session_id: Uuid, now: f64) -> bool {
        let stored = self.storage.read(&stored::key(session_id));
        let Ok(Some(text)) = stored else { return false };
        StoredOutbox::parse(&text).is_none_or(|stored| stored.is_abandoned(now))
    }

    /// Takes over the sending of a session whose page is gone. `false` when nothing is there, or
    /// when it is this page's already.
    pub fn adopt(&mut self, session_id: Uuid) -> bool {
        if self.queues().any(|queue| queue.session_id == session_id) {
            return false;
        }
        let key = stored::key(session_id);
        let Ok(Some(text)) = self.storage.read(&key) else {
            return false;
        };
        let Some(stored) = StoredOutbox::parse(&text) else {
            self.quarantine(key, &text);
            return false;
        };
        let mut queue = SessionQueue::new(session_id, stored.cohort);
        for event in stored.events {
            queue.insert(event);
        }
        if queue.events().is_empty() {
            // Refused: there is nothing in it that could be lost or repeated.
            let _empty = self.storage.remove(&key);
            return false;
        }
        self.adopted.push(queue);
        true
    }

    /// Keeps text that nobody can read out of the way, for people to look at.
    fn quarantine(&mut self, key: String, text: &str) {
        let rest = key.strip_prefix(stored::KEY_PREFIX).unwrap_or(&key);
        let aside = format!("{}{rest}", stored::UNREADABLE_PREFIX);
        if self.storage.write(&aside, text).is_ok() {
            // Refused: it is passed over in this page and set aside again in the next.
            let _stays = self.storage.remove(&key);
        }
        self.unreadable.push(key);
    }

    /// Adopted sessions that were sent to the end since the last call: their locks can go.
    pub fn take_finished(&mut self) -> Vec<Uuid> {
        std::mem::take(&mut self.finished)
    }

    /// Gives up what was adopted, so that others may; it stays in storage. For a page that goes
    /// into the back/forward cache.
    pub fn abandon_adopted(&mut self) {
        self.adopted.clear();
    }

    fn store_own(&mut self, now: f64) {
        self.stored_at = now;
        let key = stored::key(self.own.session_id);
        let result = if self.own.events().is_empty() {
            self.storage.remove(&key)
        } else {
            let stored = StoredOutbox {
                cohort: self.own.cohort,
                alive: now as i64,
                left: self.left,
                events: self.own.events().to_vec(),
            };
            self.storage.write(&key, &stored.to_text())
        };
        self.memory_only = result.is_err();
    }

    fn queues(&self) -> impl Iterator<Item = &SessionQueue> {
        std::iter::once(&self.own).chain(&self.adopted)
    }

    fn queue(&self, session_id: Uuid) -> Option<&SessionQueue> {
        self.queues().find(|queue| queue.session_id == session_id)
    }

    /// Events that are not acknowledged yet, adopted ones included.
    pub fn waiting(&self) -> usize {
        self.queues().map(|queue| queue.events().len()).sum()
    }

    /// Presses among [`Outbox::waiting`].
    pub fn waiting_presses(&self) -> usize {
        let events = self.queues().flat_map(SessionQueue::events);
        events.filter(|event| event.action == Action::PressButton).count()
    }

    /// Whether this event of the page's own session is not acknowledged yet.
    pub fn is_waiting(&self, count: u64) -> bool {
        self.own.get(count).is_some()
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.backoff.is_failing()
    }

    /// Whether this session's events are kept in memory alone, since storage is refused.
    pub fn is_memory_only(&self) -> bool {
        self.memory_only && !self.own.events().is_empty()
    }

    /// Events that had to make room for newer ones.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Events that the relay refused for good.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Outboxes of earlier pages that could not be read.
    pub fn unreadable(&self) -> usize {
        self.unreadable.len()
    }

    /// The latest receipt for this session.
    pub fn last_receipt(&self) -> Option<&LastReceipt> {
        self.last_receipt.as_ref()
    }

    /// The visitors' group.
    pub fn cohort(&self) -> Option<i32> {
        self.own.cohort
    }

    /// Days after which events are deleted, where the relay states it.
    pub fn kept_days(&self) -> Option<u64> {
        self.kept_days
    }

    /// The geo database that the relay used for the latest receipt.
    pub fn geo_database(&self) -> Option<&str> {
        self.geo_database.as_deref()
    }

    /// The storage, for tests that look behind the outbox.
    pub fn into_storage(self) -> S {
        self.storage
    }
}
