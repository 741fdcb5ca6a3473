//! The thread that makes numbers of events, and tells them to everybody.

use super::{
    fold::{Fold, Limits},
    source::Source,
    stats::Stats,
};
use crate::{clock, metrics::Metrics};
use bytes::Bytes;
use schemas::Uuid;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The shortest time between two updates, when something happens. A press is to be on every screen
/// within 300 ms.
const AT_MOST_EVERY: Duration = Duration::from_millis(150);

/// The longest: the last minutes move on also when nothing happens.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// The numbers, serialised once for everybody.
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
pub struct Live {
    updates: watch::Receiver<Update>,
    fold: Shared,
}

/// The numbers that are being made. The lock is held for single events and single questions only.
#[derive(Clone)]
struct Shared(Arc<Mutex<Fold>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Fold> {
        // Counting on after a panic is better than showing nothing any more.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Starts reading the source, until `shutdown`.
    pub fn start(
        source: Source,
        limits: Limits,
        metrics: Arc<Metrics>,
        shutdown: CancellationToken,
    ) -> std::io::Result<Self> {
        let fold = Fold::new(limits);
        let first = fold.stats(clock::now(), source.progress());
        let (sender, updates) = watch::channel(Update::of(&first));
        let fold = Shared(Arc::new(Mutex::new(fold)));
        let live = Self { updates, fold: fold.clone() };
        thread::Builder::new()
            .name("live".to_owned())
            .spawn(move || run(source, &fold, &sender, &metrics, &shutdown))?;
        Ok(live)
    }

    /// Tells these updates, of no events at all.
    #[cfg(test)]
    pub(crate) fn told(updates: watch::Receiver<Update>) -> Self {
        let fold = Fold::new(Limits::for_sessions(1));
        Self { updates, fold: Shared(Arc::new(Mutex::new(fold))) }
    }

    /// The presses of one session; `None` for one that is not known (yet, or any more).
    pub fn presses_of(&self, session: Uuid) -> Option<u32> {
        self.fold.lock().presses_of(session)
    }

    /// The numbers now.
    pub fn now(&self) -> Update {
        self.updates.borrow().clone()
    }

    /// The numbers now and whenever they change. Who does not keep up misses some, and nobody else
    /// waits for it.
    pub fn updates(&self) -> watch::Receiver<Update> {
        let mut updates = self.updates.clone();
        updates.mark_changed();
        updates
    }
}

fn run(
    mut source: Source,
    fold: &Shared,
    updates: &watch::Sender<Update>,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) {
    let mut last = Instant::now();
    let mut changed = true;
    let mut now = clock::now();
    while !shutdown.is_cancelled() {
        let due = if changed { AT_MOST_EVERY } else { AT_LEAST_EVERY };
        let patience = due.saturating_sub(last.elapsed()).min(AT_MOST_EVERY);
        source.read(patience, shutdown, &mut |item| {
            changed = true;
            match item {
                Some(event) => {
                    // Asked for only where it matters: the past has passed.
                    if event.received_at > now {
                        now = clock::now();
                    }
                    fold.lock().apply(&event, now);
                }
                None => fold.lock().not_an_event(),
            }
        });
        let due = if changed { AT_MOST_EVERY } else { AT_LEAST_EVERY };
        if last.elapsed() >= due {
            let stats = fold.lock().stats(clock::now(), source.progress());
            updates.send_replace(Update::of(&stats));
            metrics.live_serialised();
            last = Instant::now();
            changed = false;
        }
    }
}
