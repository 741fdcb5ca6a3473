//! Forwarder: moves stored events to Kafka, then opens the direct route.

use super::{Delivery, KafkaState, Queue, Sink, SinkError, delivery::Route};
use crate::error_chain::error_chain;
use event_store::{Delivered, RowId, Undelivered};
use schemas::{Received, RecordMetadata};
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Rows that are read at once. Enough to fill Kafka's batches, few enough to keep in memory.
const BATCH: usize = 2000;

/// Delays between failed passes: doubling from the first to the last.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(250);
const LAST_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Interval between passes while Kafka accepts events. The store is empty then, but for events that Kafka
/// has rejected or that another process writes into the same file.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Delay before rejected events are written again: limits of a topic can be raised.
const REJECTED_RETRY_INTERVAL: Duration = Duration::from_secs(600);

/// Rows that are marked in one transaction.
const MARK_BATCH: usize = 10_000;

/// Moves events from a queue to a sink. Only one may run for a [`Delivery`].
pub struct Forwarder {
    delivery: Arc<Delivery>,
    kafka: Arc<dyn Sink>,
    queue: Arc<dyn Queue>,
    /// Rows that Kafka has and that could not be marked in the queue: on a full disk Kafka must not get the
    /// same events repeatedly.
    unmarked: BTreeMap<RowId, Option<RecordMetadata>>,
    rejected: Rejected,
    /// Number of unreadable rows in the last pass.
    unreadable: usize,
}

/// Rows that Kafka rejects. They stay in the queue and do not block others.
#[derive(Default)]
struct Rejected {
    rows: BTreeSet<RowId>,
    reason: String,
    retry_at: Option<Instant>,
}

impl Forwarder {
    /// Nothing is read yet.
    pub fn new(delivery: Arc<Delivery>, kafka: Arc<dyn Sink>, queue: Arc<dyn Queue>) -> Self {
        Self {
            delivery,
            kafka,
            queue,
            unmarked: BTreeMap::new(),
            rejected: Rejected::default(),
            unreadable: 0,
        }
    }

    /// Runs until `shutdown`. A write that is under way then is waited for.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut retry_delay = FIRST_RETRY_DELAY;
        while !shutdown.is_cancelled() {
            let wait = match self.pass(&shutdown).await {
                Ok(()) => {
                    retry_delay = FIRST_RETRY_DELAY;
                    POLL_INTERVAL
                }
                Err(error) => {
                    self.delivery.report(&error).await;
                    retry_delay = (retry_delay * 2).min(LAST_RETRY_DELAY);
                    retry_delay
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(wait) => {}
                () = self.delivery.wake.notified() => {}
            }
        }
    }

    /// Connects, forwards everything that is undelivered, and opens the direct route.
    async fn pass(&mut self, shutdown: &CancellationToken) -> Result<(), SinkError> {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            connected = self.kafka.connect() => connected?,
        }
        if self.rejected.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.rejected = Rejected::default();
        }
        self.mark_delivered(Vec::new()).await;
        let mut position = 0;
        let mut delivered = 0;
        let mut unreadable = 0;
        while !shutdown.is_cancelled() {
            let batch = self.read(position).await?;
            let is_last = batch.is_last;
            position = batch.read_up_to;
            unreadable += batch.unreadable;
            delivered += batch.events.len();
            self.forward(batch).await?;
            if is_last && let Some(rest) = self.open_direct_route(position).await? {
                if delivered + rest > 0 {
                    tracing::info!(events = delivered + rest, "the store is delivered to Kafka");
                }
                self.set_warnings(unreadable);
                break;
            }
        }
        Ok(())
    }

    /// Reads the next rows, without those that are dealt with.
    async fn read(&self, position: RowId) -> Result<Undelivered, SinkError> {
        let mut batch = self.queue.undelivered(position, BATCH).await?;
        batch.events.retain(|(row, _)| {
            !self.unmarked.contains_key(row) && !self.rejected.rows.contains(row)
        });
        Ok(batch)
    }

    /// Forwards the rest while new events wait, and sends those to Kafka from then on. Without the wait
    /// the queue would never be found empty for as long as events keep coming.
    ///
    /// Kafka has taken events just before this, so the wait is short. Returns how many events were left;
    /// `None` if there were too many, and the route is as it was.
    async fn open_direct_route(&mut self, position: RowId) -> Result<Option<usize>, SinkError> {
        let delivery = Arc::clone(&self.delivery);
        if *delivery.route.read().await == Route::Kafka {
            return Ok(Some(0));
        }
        let mut route = delivery.route.write().await;
        let rest = self.read(position).await?;
        if !rest.is_last {
            return Ok(None);
        }
        let events = rest.events.len();
        self.forward(rest).await?;
        *route = Route::Kafka;
        if delivery.kafka_state() != KafkaState::Delivering {
            delivery.set_state(KafkaState::Delivering);
            tracing::info!("events go to Kafka");
        }
        Ok(Some(events))
    }

    /// Writes events until each is delivered or set aside.
    async fn forward(&mut self, batch: Undelivered) -> Result<(), SinkError> {
        let (mut rows, mut events): (Vec<RowId>, Vec<Received>) = batch.events.into_iter().unzip();
        while !events.is_empty() {
            let failure = match self.kafka.write(&events).await {
                Ok(records) => {
                    self.mark_delivered(delivered(&rows, &records)).await;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let pick = |indices: &[usize]| -> Vec<(RowId, Received)> {
                indices.iter().map(|index| (rows[*index], events[*index].clone())).collect()
            };
            let (failed, rejected) = (pick(&failure.failed), pick(&failure.rejected));
            let delivered = (0..).zip(delivered(&rows, &failure.records));
            let done = delivered.filter(|(index, _)| !failure.concerns(*index));
            self.mark_delivered(done.map(|(_, delivered)| delivered).collect()).await;
            if rejected.is_empty() {
                return Err(failure.error);
            }
            self.isolate(rejected).await?;
            // There are fewer each time.
            (rows, events) = failed.into_iter().unzip();
        }
        Ok(())
    }

    /// Writes rejected events one by one, and sets those aside that are rejected alone: a batch can be
    /// rejected for one of its events, or for being too large.
    async fn isolate(&mut self, events: Vec<(RowId, Received)>) -> Result<(), SinkError> {
        for (row, event) in events {
            match self.kafka.write(std::slice::from_ref(&event)).await {
                Ok(records) => self.mark_delivered(delivered(&[row], &records)).await,
                Err(alone) if alone.failed.is_empty() => self.set_aside(row, &alone.error),
                Err(alone) => return Err(alone.error),
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, row: RowId, error: &SinkError) {
        let reason = error_chain(error);
        if self.rejected.rows.is_empty() {
            tracing::error!(row, "Kafka rejects an event, which stays in the store: {reason}");
        }
        self.rejected.rows.insert(row);
        self.rejected.reason = reason;
        let retry_at = Instant::now() + REJECTED_RETRY_INTERVAL;
        self.rejected.retry_at.get_or_insert(retry_at);
    }

    /// Marks these rows and those that could not be marked before. Rows that cannot be marked now are
    /// remembered, and block nothing.
    async fn mark_delivered(&mut self, rows: Vec<Delivered>) {
        self.unmarked.extend(rows.into_iter().map(|it| (it.row, it.record)));
        while !self.unmarked.is_empty() {
            let rows = self.unmarked.iter().take(MARK_BATCH);
            let rows: Vec<_> = rows.map(|(&row, &record)| Delivered { row, record }).collect();
            let last = rows.last().map_or(0, |it| it.row);
            match self.queue.mark_delivered(rows).await {
                Ok(()) => self.unmarked.retain(|row, _| *row > last),
                Err(error) => {
                    if self.delivery.delivered_unmarked() == 0 {
                        tracing::warn!(
                            "delivered events cannot be marked in the store: {}",
                            error_chain(&error)
                        );
                    }
                    break;
                }
            }
        }
        self.delivery.unmarked.store(self.unmarked.len() as u64, Relaxed);
    }

    /// Publishes what was not delivered.
    fn set_warnings(&mut self, unreadable: usize) {
        let mut warnings = Vec::new();
        let rejected = self.rejected.rows.len();
        if rejected > 0 {
            warnings.push(format!(
                "{rejected} events stay in the store, since Kafka rejects them: {}",
                self.rejected.reason
            ));
        }
        if unreadable > 0 {
            warnings.push(format!(
                "{unreadable} rows of the store hold no event and are not delivered: another \
                 program has written into button_presses"
            ));
        }
        if unreadable > self.unreadable {
            tracing::error!("{unreadable} rows of the store hold no event and are not delivered");
        }
        self.unreadable = unreadable;
        self.delivery.set_aside.store(Arc::new(warnings));
    }
}

/// These rows with their places in Kafka.
fn delivered(rows: &[RowId], records: &[Option<RecordMetadata>]) -> Vec<Delivered> {
    let records = records.iter().copied().chain(iter::repeat(None));
    rows.iter().zip(records).map(|(&row, record)| Delivered { row, record }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::testing::*, *};
    use crate::sink::DurableIn;
    use std::{mem::take, ops::Range};

    /// A forwarder that runs.
    struct Running {
        store: SinkDouble,
        kafka: SinkDouble,
        delivery: Arc<Delivery>,
        shutdown: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    impl Running {
        /// Starts it with these events in the store.
        fn start(stored: Range<u64>, prepare: impl FnOnce(&mut State, &mut State)) -> Self {
            let (store, kafka) = (SinkDouble::default(), SinkDouble::default());
            store.state().rows.extend(events(stored).into_iter().map(Some));
            prepare(&mut store.state(), &mut kafka.state());
            let delivery = Arc::new(Delivery::new(store.sink(), Some(kafka.sink())));
            let forwarder = Forwarder::new(Arc::clone(&delivery), kafka.sink(), store.queue());
            let shutdown = CancellationToken::new();
            let task = tokio::spawn(forwarder.run(shutdown.clone()));
            Self { store, kafka, delivery, shutdown, task }
        }

        /// Waits until a condition holds; the test's time-out is the runner's.
        async fn until(&self, condition: impl Fn(&Self) -> bool) {
            while !condition(self) {
                sleep(Duration::from_millis(5)).await;
            }
        }

        async fn until_delivering(&self) {
            self.until(|it| it.delivery.kafka_state() == KafkaState::Delivering).await;
        }

        async fn until_warning(&self) -> String {
            self.until(|it| !it.delivery.warnings().is_empty()).await;
            self.delivery.warnings().remove(0)
        }

        async fn record(&self, count: u64) -> DurableIn {
            self.delivery.record(events(count..count + 1)).await.unwrap().durable_in
        }

        /// Ends it, and returns what Kafka got.
        async fn end(self) -> Vec<u64> {
            self.shutdown.cancel();
            self.task.await.unwrap();
            self.kafka.counts()
        }
    }

    #[tokio::test]
    async fn stored_events_leave_in_order_before_new_ones() {
        let running = Running::start(0..4500, |_, _| {});
        let mut next = 4500;
        while running.record(next).await != DurableIn::Kafka {
            next += 1;
        }
        running.until_delivering().await;
        assert!(running.store.undelivered_counts().is_empty());
        let offsets = running.store.state().delivered.clone().into_iter();
        let offsets: Vec<_> = offsets.filter_map(|(row, it)| Some((row, it?.offset))).collect();
        let expected: Vec<_> = (1..=offsets.len() as i64).map(|row| (row, row - 1)).collect();
        assert!(offsets == expected && offsets.len() >= 4500, "{offsets:?}");
        assert_eq!(running.end().await, (0..=next).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn unreadable_rows_in_front_hold_nothing_up() {
        let running = Running::start(0..BATCH as u64 + 7, |store, _| {
            let readable = take(&mut store.rows);
            store.rows = [vec![None; BATCH + 500], readable].concat();
        });
        running.until_delivering().await;
        assert!(running.until_warning().await.contains("2500 rows"));
        assert_eq!(running.record(9000).await, DurableIn::Kafka);
        let expected: Vec<u64> = (0..BATCH as u64 + 7).chain([9000]).collect();
        assert_eq!(running.end().await, expected);
    }

    #[tokio::test]
    async fn store_that_cannot_be_written_does_not_hold_up_delivery() {
        let running = Running::start(0..3300, |store, _| store.marks_fail = true);
        running.until_delivering().await;
        assert_eq!(running.delivery.delivered_unmarked(), 3300);
        assert_eq!(running.record(4000).await, DurableIn::Kafka);
        // Another pass delivers nothing twice.
        let connects = running.kafka.state().connects;
        running.delivery.wake_forwarder();
        running.until(|it| it.kafka.state().connects > connects).await;
        running.store.state().marks_fail = false;
        running.delivery.wake_forwarder();
        running.until(|it| it.delivery.delivered_unmarked() == 0).await;
        assert!(running.store.undelivered_counts().is_empty());
        let expected: Vec<u64> = (0..3300).chain([4000]).collect();
        assert_eq!(running.end().await, expected);
    }

    #[tokio::test]
    async fn rejected_events_hold_nothing_up_and_stay_stored() {
        let running = Running::start(0..10, |_, kafka| kafka.rejected = [0, 7].into());
        running.until_delivering().await;
        assert!(running.until_warning().await.starts_with("2 events stay in the store"));
        assert_eq!(running.store.undelivered_counts(), [0, 7]);
        assert_eq!(running.end().await, [1, 2, 3, 4, 5, 6, 8, 9]);
    }

    #[tokio::test]
    async fn batch_that_is_rejected_as_a_whole_is_written_one_by_one() {
        let running = Running::start(0..6, |_, kafka| {
            kafka.largest_batch = Some(1);
            kafka.rejected = [3].into();
        });
        running.until_delivering().await;
        assert_eq!(running.store.undelivered_counts(), [3]);
        assert_eq!(running.end().await, [0, 1, 2, 4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_events_are_tried_again() {
        let running = Running::start(0..2, |_, kafka| kafka.rejected = [1].into());
        running.until_delivering().await;
        running.kafka.state().rejected.clear();
        running.until(|it| it.kafka.counts().len() == 2).await;
        assert_eq!(running.end().await, [0, 1]);
    }

    #[tokio::test]
    async fn failures_keep_events_stored_until_kafka_is_back() {
        let running = Running::start(0..3, |_, kafka| kafka.connects_fail = true);
        running.until(|it| it.kafka.state().connects > 1).await;
        assert!(matches!(running.delivery.kafka_state(), KafkaState::Waiting { .. }));
        assert_eq!(running.record(3).await, DurableIn::Store);
        running.kafka.state().writes_fail = true;
        running.kafka.state().connects_fail = false;
        running.until(|it| it.kafka.state().attempts > 1).await;
        running.kafka.state().writes_fail = false;
        running.until_delivering().await;
        // And once more from the direct route.
        running.kafka.state().writes_fail = true;
        assert_eq!(running.record(4).await, DurableIn::Store);
        running.kafka.state().writes_fail = false;
        running.until_delivering().await;
        assert_eq!(running.end().await, [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn events_that_failed_in_part_are_not_repeated() {
        let running = Running::start(0..5, |_, kafka| kafka.fail_once = [2].into());
        running.until_delivering().await;
        assert_eq!(running.end().await, [0, 1, 3, 4, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_ends_it_in_each_state() {
        // While it waits for Kafka's answer.
        let running = Running::start(0..0, |_, kafka| kafka.connects_hang = true);
        running.until(|it| it.kafka.state().connects == 1).await;
        running.end().await;
        // Between two failed attempts.
        let running = Running::start(0..0, |_, kafka| kafka.connects_fail = true);
        running.until(|it| it.kafka.state().connects == 3).await;
        running.end().await;
        // While it has nothing to do.
        let running = Running::start(0..0, |_, _| {});
        running.until_delivering().await;
        running.end().await;
        // In the middle of a write, which is finished and marked.
        let write_delay = Duration::from_secs(3);
        let running = Running::start(0..5000, |_, kafka| kafka.write_delay = write_delay);
        running.until(|it| it.kafka.state().attempts == 1).await;
        let store = running.store.clone();
        assert_eq!(running.end().await.len(), BATCH);
        assert_eq!(store.undelivered_counts().len(), 3000);
    }
}
