//! Delivery reports of a batch, which wake its caller once, after the last.
//!
//! Each message carries a [`PendingMessage`], which librdkafka returns with its report. When all of a
//! [`PendingBatch`] are dropped, the outcome is sent.

use crate::error::ProduceError;
use schemas::RecordMetadata;
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// The outcome of each message of a batch.
pub(crate) struct Outcome {
    /// Where the messages are, by their index: `None` for those that were not delivered, and for those of which
    /// Kafka does not tell, since it had them already from an attempt whose response was lost.
    pub(crate) delivered: Vec<Option<RecordMetadata>>,
    /// Messages that were not delivered: their indices, in any order, and their errors.
    pub(crate) failed: Vec<(usize, ProduceError)>,
}

/// Messages of one batch.
pub(crate) struct PendingBatch {
    outcome: Mutex<Outcome>,
    sender: Option<oneshot::Sender<Outcome>>,
}

impl PendingBatch {
    /// A batch of so many messages, and the receiver of its outcome.
    pub(crate) fn new(messages: usize) -> (Arc<Self>, oneshot::Receiver<Outcome>) {
        let (sender, receiver) = oneshot::channel();
        let outcome = Outcome { delivered: vec![None; messages], failed: Vec::new() };
        (Arc::new(Self { outcome: Mutex::new(outcome), sender: Some(sender) }), receiver)
    }

    /// The opaque of the message at this index.
    pub(crate) fn message(self: &Arc<Self>, index: usize) -> PendingMessage {
        PendingMessage { batch: Arc::clone(self), index, is_reported: false }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingBatch {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner);
        let delivered = mem::take(&mut outcome.delivered);
        let failed = mem::take(&mut outcome.failed);
        if let Some(sender) = self.sender.take() {
            // The receiver may have timed out.
            let _ = sender.send(Outcome { delivered, failed });
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
    pub(crate) fn delivered(mut self, record: Option<RecordMetadata>) {
        self.is_reported = true;
        if let Some(slot) = self.batch.outcome().delivered.get_mut(self.index) {
            *slot = record;
        }
    }

    /// Reports that the message may not be in the topic.
    pub(crate) fn failed(mut self, error: ProduceError) {
        self.is_reported = true;
        self.batch.outcome().failed.push((self.index, error));
    }
}

impl Drop for PendingMessage {
    fn drop(&mut self) {
        if !self.is_reported {
            let error = ProduceError::transient("the producer was closed");
            self.batch.outcome().failed.push((self.index, error));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn outcome_is_sent_after_last_report() {
        let (batch, mut outcome) = PendingBatch::new(5);
        let messages: Vec<_> = (0..5).map(|index| batch.message(index)).collect();
        drop(batch);
        let [a, b, c, d, e] = messages.try_into().ok().unwrap();
        let record = RecordMetadata { partition: 2, offset: 1834, schema_id: 1, bytes: 87 };
        d.failed(ProduceError::transient("full"));
        c.delivered(Some(record));
        a.delivered(None);
        e.delivered(Some(RecordMetadata { offset: 1835, ..record }));
        assert!(outcome.try_recv().is_err(), "one is pending");
        drop(b);
        let Outcome { delivered, failed } = outcome.try_recv().unwrap();
        let texts: Vec<_> = failed.iter().map(|(index, e)| (*index, e.to_string())).collect();
        assert_eq!(texts, [(3, "full".to_owned()), (1, "the producer was closed".to_owned())]);
        let offsets: Vec<_> = delivered.iter().map(|record| record.map(|it| it.offset)).collect();
        assert_eq!(offsets, [None, None, Some(1834), None, Some(1835)]);
    }

    #[test]
    fn receiver_may_be_dropped() {
        let (batch, outcome) = PendingBatch::new(1);
        drop(outcome);
        batch.message(0).delivered(None);
    }
}
