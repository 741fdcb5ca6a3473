//! Delivery reports of a batch, which wake its caller once, after the last.
//!
//! Each message carries a [`PendingMessage`], which librdkafka returns with its report. When all of a
//! [`PendingBatch`] are dropped, the outcome is sent.

use crate::error::ProduceError;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Messages that were not delivered: their indices in the batch, in any order, and their errors.
pub(crate) type Failed = Vec<(usize, ProduceError)>;

/// Messages of one batch.
pub(crate) struct PendingBatch {
    failed: Mutex<Failed>,
    outcome: Option<oneshot::Sender<Failed>>,
}

impl PendingBatch {
    /// A batch, and the receiver of its outcome.
    pub(crate) fn new() -> (Arc<Self>, oneshot::Receiver<Failed>) {
        let (outcome, receiver) = oneshot::channel();
        (Arc::new(Self { failed: Mutex::default(), outcome: Some(outcome) }), receiver)
    }

    /// The opaque of the message at this index.
    pub(crate) fn message(self: &Arc<Self>, index: usize) -> PendingMessage {
        PendingMessage { batch: Arc::clone(self), index, is_reported: false }
    }

    fn fail(&self, index: usize, error: ProduceError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push((index, error));
    }
}

impl Drop for PendingBatch {
    fn drop(&mut self) {
        let failed = mem::take(self.failed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(outcome) = self.outcome.take() {
            // The receiver may have timed out.
            let _ = outcome.send(failed);
        }
    }
}

/// Returned with a message's delivery report. Dropped without one, the message counts as not delivered.
pub struct PendingMessage {
    batch: Arc<PendingBatch>,
    index: usize,
    is_reported: bool,
}

impl PendingMessage {
    /// Reports that the message is in the topic.
    pub(crate) fn delivered(mut self) {
        self.is_reported = true;
    }

    /// Reports that the message may not be in the topic.
    pub(crate) fn failed(mut self, error: ProduceError) {
        self.is_reported = true;
        self.batch.fail(self.index, error);
    }
}

impl Drop for PendingMessage {
    fn drop(&mut self) {
        if !self.is_reported {
            self.batch.fail(self.index, ProduceError::transient("the producer was closed"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn outcome_is_sent_after_last_report() {
        let (batch, mut outcome) = PendingBatch::new();
        let messages: Vec<_> = (0..4).map(|index| batch.message(index)).collect();
        drop(batch);
        let [a, b, c, d] = messages.try_into().ok().unwrap();
        d.failed(ProduceError::transient("full"));
        a.delivered();
        c.delivered();
        assert!(outcome.try_recv().is_err(), "one is pending");
        drop(b);
        let failed = outcome.try_recv().unwrap();
        let texts: Vec<_> = failed.iter().map(|(index, e)| (*index, e.to_string())).collect();
        assert_eq!(texts, [(3, "full".to_owned()), (1, "the producer was closed".to_owned())]);
    }

    #[test]
    fn receiver_may_be_dropped() {
        let (batch, outcome) = PendingBatch::new();
        drop(outcome);
        batch.message(0).delivered();
    }
}
