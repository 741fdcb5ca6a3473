//! Feed: the thread that reads a source, aggregates, and publishes the numbers.

use crate::aggregator::{Aggregator, Capacity};
use bytes::Bytes;
use schemas::{
    Received, Timestamp, Uuid,
    stats::{Progress, Stats},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Shortest interval between two updates, while events come. A press is to be on every screen within
/// 300 ms.
const MIN_INTERVAL: Duration = Duration::from_millis(150);

/// Longest interval: the last minutes move on also while nothing happens.
const MAX_INTERVAL: Duration = Duration::from_secs(1);

/// Where the events come from. It is used on a thread of its own and may block.
pub trait Source: Send + 'static {
    /// Passes on what has come, and returns after `timeout` at the latest: an event, or `None` in the place
    /// of something that is none.
    fn read(
        &mut self,
        timeout: Duration,
        shutdown: &CancellationToken,
        take: &mut dyn FnMut(Option<Received>),
    );

    /// How far the events have been read that were there at the start; `None` when all have been.
    fn progress(&self) -> Option<Progress>;
}

/// The numbers, serialised once for all viewers.
#[derive(Clone)]
pub struct Update {
    /// As JSON.
    pub json: Bytes,
    /// As an event of a stream (HTML Standard, section 9.2).
    pub event: Bytes,
}

impl Update {
    fn of(stats: &Stats) -> Self {
        // Nothing in it can fail to be serialised.
        let json = serde_json::to_vec(stats).unwrap_or_default();
        let event = [b"data: ", &json[..], b"\n\n"].concat();
        Self { json: json.into(), event: event.into() }
    }
}

/// The live numbers. Cheap to clone.
#[derive(Clone)]
pub struct LiveStats {
    updates: watch::Receiver<Update>,
    /// Locked for single events and single queries only.
    aggregator: Arc<Mutex<Aggregator>>,
    serialisations: Arc<AtomicU64>,
}

impl LiveStats {
    /// Starts reading the source, until `shutdown`.
    ///
    /// # Errors
    /// If there can be no thread for it.
    pub fn start(
        source: impl Source,
        capacity: Capacity,
        clock: fn() -> Timestamp,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        let aggregator = Aggregator::new(capacity);
        let first = aggregator.stats(clock(), source.progress());
        let (sender, updates) = watch::channel(Update::of(&first));
        let live = Self {
            updates,
            aggregator: Arc::new(Mutex::new(aggregator)),
            serialisations: Arc::default(),
        };
        let feed = live.clone();
        thread::Builder::new()
            .name("live-stats".to_owned())
            .spawn(move || feed.run(source, clock, &sender, &shutdown))?;
        Ok(live)
    }

    /// Live numbers of no events, with these updates.
    #[cfg(test)]
    pub(crate) fn of(updates: watch::Receiver<Update>) -> Self {
        let aggregator = Aggregator::new(Capacity::for_sessions(1));
        Self {
            updates,
            aggregator: Arc::new(Mutex::new(aggregator)),
            serialisations: Arc::default(),
        }
    }

    /// The presses of one session; `None` for one that is not known (yet, or any more).
    pub fn presses_of(&self, session: Uuid) -> Option<u64> {
        self.aggregator().presses_of(session)
    }

    /// The numbers now.
    pub fn now(&self) -> Update {
        self.updates.borrow().clone()
    }

    /// The numbers now and whenever they change. A receiver that does not keep up misses some, and no
    /// other one waits for it.
    pub fn updates(&self) -> watch::Receiver<Update> {
        let mut updates = self.updates.clone();
        updates.mark_changed();
        updates
    }

    /// How often the numbers were serialised.
    pub fn serialisations(&self) -> u64 {
        self.serialisations.load(Relaxed)
    }

    fn aggregator(&self) -> MutexGuard<'_, Aggregator> {
        // Counting on after a panic is better than showing nothing any more.
        self.aggregator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        mut source: impl Source,
        clock: fn() -> Timestamp,
        updates: &watch::Sender<Update>,
        shutdown: &CancellationToken,
    ) {
        let mut last = Instant::now();
        let mut changed = true;
        let mut now = clock();
        while !shutdown.is_cancelled() {
            let interval = if changed { MIN_INTERVAL } else { MAX_INTERVAL };
            let timeout = interval.saturating_sub(last.elapsed()).min(MIN_INTERVAL);
            source.read(timeout, shutdown, &mut |event| {
                changed = true;
                match event {
                    Some(event) => {
                        // The clock matters for events of now alone.
                        if event.received_at > now {
                            now = clock();
                        }
                        self.aggregator().add(&event, now);
                    }
                    None => self.aggregator().add_unreadable(),
                }
            });
            let interval = if changed { MIN_INTERVAL } else { MAX_INTERVAL };
            if last.elapsed() >= interval {
                let stats = self.aggregator().stats(clock(), source.progress());
                updates.send_replace(Update::of(&stats));
                self.serialisations.fetch_add(1, Relaxed);
                last = Instant::now();
                changed = false;
            }
        }
    }
}
