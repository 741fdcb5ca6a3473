//! Waiting for what must come, with a limit.

use std::time::{Duration, Instant};

/// How long anything may take that must happen at all. Generous, since continuous integration is
/// slow; nothing waits longer than it has to.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between the first two polls; each interval is twice as long as the one before, up to the longest.
const FIRST_INTERVAL: Duration = Duration::from_millis(5);
const LONGEST_INTERVAL: Duration = Duration::from_millis(50);

/// Polls until `probe` gives something.
///
/// # Panics
/// When it has not after [`PATIENCE`], with `what` and what `probe` said last.
pub async fn until<T, F>(what: &str, mut probe: F) -> T
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let (start, mut interval) = (Instant::now(), FIRST_INTERVAL);
    loop {
        let because = match probe().await {
            Ok(value) => return value,
            Err(because) => because,
        };
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {because}");
        tokio::time::sleep(interval).await;
        interval = LONGEST_INTERVAL.min(2 * interval);
    }
}
