//! The delivery reports of one request: who waits for them is woken once, after the last.
//!
//! Each message takes a [`Ticket`] along, which librdkafka hands back with its report. When all tickets
//! of a [`Batch`] are gone, the outcome is known.

use super::refusal::Refusal;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Messages that were not delivered: their places in the batch, in any order, and why.
pub(super) type Failed = Vec<(usize, Refusal)>;

/// The messages of one request.
pub(super) struct Batch {
    failed: Mutex<Failed>,
    outcome: Option<oneshot::Sender<Failed>>,
}

impl Batch {
    /// A batch, and where its outcome will be once the batch and all of its tickets are dropped.
    pub(super) fn new() -> (Arc<Self>, oneshot::Receiver<Failed>) {
        let (outcome, receiver) = oneshot::channel();
        (Arc::new(Self { failed: Mutex::default(), outcome: Some(outcome) }), receiver)
    }

    /// For the message at this place in the batch.
    pub(super) fn ticket(self: &Arc<Self>, index: usize) -> Ticket {
        Ticket { batch: Arc::clone(self), index, is_reported: false }
    }

    fn fail(&self, index: usize, refusal: Refusal) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push((index, refusal));
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let failed = mem::take(self.failed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(outcome) = self.outcome.take() {
            // Whoever waited may have given up.
            let _ = outcome.send(failed);
        }
    }
}

/// What a message takes along. Without a report it counts as not delivered.
pub struct Ticket {
    batch: Arc<Batch>,
    index: usize,
    is_reported: bool,
}

impl Ticket {
    /// The message is in the topic.
    pub(super) fn delivered(mut self) {
        self.is_reported = true;
    }

    /// It is not, as far as is known.
    pub(super) fn failed(mut self, refusal: Refusal) {
        self.is_reported = true;
        self.batch.fail(self.index, refusal);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_reported {
            self.batch.fail(self.index, Refusal::new("the producer was closed"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_outcome_is_known_after_the_last_report() {
        let (batch, mut outcome) = Batch::new();
        let tickets: Vec<_> = (0..4).map(|index| batch.ticket(index)).collect();
        drop(batch);
        let [a, b, c, d] = tickets.try_into().ok().unwrap();
        d.failed(Refusal::new("full"));
        a.delivered();
        c.delivered();
        assert!(outcome.try_recv().is_err(), "one is under way");
        drop(b);
        let failed = outcome.try_recv().unwrap();
        let closed = Refusal::new("the producer was closed");
        assert_eq!(failed, [(3, Refusal::new("full")), (1, closed)]);
    }

    #[test]
    fn nobody_needs_to_wait() {
        let (batch, outcome) = Batch::new();
        drop(outcome);
        batch.ticket(0).delivered();
    }
}
