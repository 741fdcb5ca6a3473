//! Feed: the thread that reads a source, aggregates its events and publishes the numbers.

use crate::{
    aggregator::{Aggregator, Capacity},
    gzip::Part,
    options::LiveOptions,
};
use bytes::Bytes;
use schemas::{
    Received, Timestamp,
    stats::{PlaceSource, Progress, Stats},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Interval of updates while events arrive. A press must reach every screen within 300 ms.
const MIN_INTERVAL: Duration = Duration::from_millis(150);

/// Interval of updates without events: the last minutes advance, too.
const MAX_INTERVAL: Duration = Duration::from_secs(1);

/// A source of events, read on a thread of its own.
pub trait Source: Send + 'static {
    /// Passes on the events that have arrived, and `None` for each message that holds no valid event.
    /// Returns within `timeout`, and soon after `shutdown`.
    fn read(
        &mut self,
        timeout: Duration,
        shutdown: &CancellationToken,
        on_event: &mut dyn FnMut(Option<Received>),
    );

    /// Progress through the events that existed at the start; `None` once all are read.
    fn progress(&self) -> Option<Progress>;
}

/// The numbers, serialised once for all viewers, and compressed once.
#[derive(Clone)]
pub struct Update {
    /// As JSON.
    pub json: Bytes,
    /// As a server-sent event (HTML Standard, section 9.2).
    pub event: Bytes,
    /// See [`Update::gzip`].
    gzip: Arc<OnceLock<(Part, Part)>>,
}

impl Update {
    fn new(stats: Stats, places: PlaceSource) -> Self {
        let PlaceSource { geo_database, pretended } = places;
        let stats = Stats { geo_database, pretended, ..stats };
        // Serialisation of these types cannot fail.
        Self::of_json(serde_json::to_vec(&stats).unwrap_or_default())
    }

    /// The update of this JSON object.
    pub(crate) fn of_json(json: Vec<u8>) -> Self {
        let event = [b"data: ", &json[..], b"\n\n"].concat();
        Self { json: json.into(), event: event.into(), gzip: Arc::default() }
    }

    /// Compressed: the JSON without its last brace, and the event. Compressed for the first viewer of this update that
    /// accepts it, and shared by the others; without a viewer, never.
    pub(crate) fn gzip(&self) -> &(Part, Part) {
        self.gzip.get_or_init(|| {
            let open = self.json.strip_suffix(b"}").unwrap_or(&self.json);
            // Writing to memory cannot fail.
            Part::compress(b"data: ", open, b"}\n\n").unwrap_or_default()
        })
    }
}

/// The live numbers. Cheap to clone.
#[derive(Clone)]
pub struct LiveStats {
    updates: watch::Receiver<Update>,
    /// Locked for one event or one query at a time.
    aggregator: Arc<Mutex<Aggregator>>,
    serialisations: Arc<AtomicU64>,
    place_source: Arc<dyn Fn() -> PlaceSource + Send + Sync>,
}

impl LiveStats {
    /// Starts the thread that reads the source until `shutdown`. `place_source` returns the current origin of
    /// the places.
    ///
    /// # Errors
    /// If the thread cannot be spawned.
    pub fn start(
        source: Box<dyn Source>,
        capacity: Capacity,
        options: LiveOptions,
        place_source: impl Fn() -> PlaceSource + Send + Sync + 'static,
        clock: fn() -> Timestamp,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        let aggregator = Aggregator::new(capacity, options);
        let first = aggregator.stats(clock(), source.progress());
        let (sender, updates) = watch::channel(Update::new(first, place_source()));
        let live = Self {
            updates,
            aggregator: Arc::new(Mutex::new(aggregator)),
            serialisations: Arc::default(),
            place_source: Arc::new(place_source),
        };
        let feed = live.clone();
        thread::Builder::new()
            .name("live-stats".to_owned())
            .spawn(move || feed.run(source, clock, &sender, &shutdown))?;
        Ok(live)
    }

    /// Live numbers with these updates and without a source.
    #[cfg(test)]
    pub(crate) fn with_updates(updates: watch::Receiver<Update>) -> Self {
        let aggregator = Aggregator::new(Capacity::for_sessions(1), LiveOptions::default());
        Self {
            updates,
            aggregator: Arc::new(Mutex::new(aggregator)),
            serialisations: Arc::default(),
            place_source: Arc::new(PlaceSource::default),
        }
    }

    /// The latest update.
    pub fn latest(&self) -> Update {
        self.updates.borrow().clone()
    }

    /// The latest update, and each later one. A slow receiver skips updates and delays no other.
    pub fn updates(&self) -> watch::Receiver<Update> {
        let mut updates = self.updates.clone();
        updates.mark_changed();
        updates
    }

    /// The number of serialisations since the start.
    pub fn serialisations(&self) -> u64 {
        self.serialisations.load(Relaxed)
    }

    fn aggregator(&self) -> MutexGuard<'_, Aggregator> {
        // After a panic elsewhere the numbers stay useful.
        self.aggregator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(
        &self,
        mut source: Box<dyn Source>,
        clock: fn() -> Timestamp,
        updates: &watch::Sender<Update>,
        shutdown: &CancellationToken,
    ) {
        let interval = |changed| if changed { MIN_INTERVAL } else { MAX_INTERVAL };
        let mut last = Instant::now();
        let mut changed = true;
        let mut now = clock();
        while !shutdown.is_cancelled() {
            let timeout = interval(changed).saturating_sub(last.elapsed()).min(MIN_INTERVAL);
            source.read(timeout, shutdown, &mut |event| {
                changed = true;
                match event {
                    Some(event) => {
                        // The clock matters only for events that are later than its last reading.
                        if event.received_at > now {
                            now = clock();
                        }
                        self.aggregator().add(&event, now);
                    }
                    None => self.aggregator().add_unreadable(),
                }
            });
            if last.elapsed() >= interval(changed) {
                let stats = self.aggregator().stats(clock(), source.progress());
                updates.send_replace(Update::new(stats, (self.place_source)()));
                self.serialisations.fetch_add(1, Relaxed);
                last = Instant::now();
                changed = false;
            }
        }
    }
}
