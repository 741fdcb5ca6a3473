//! Waiting for what must come, with a limit.

use std::time::{Duration, Instant};

/// How long anything may take that must happen at all. Generous, since continuous integration is
/// slow; nothing waits longer than it has to.
pub const PATIENCE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(50);

/// Polls until `probe` gives something.
///
/// # Panics
/// When it has not after [`PATIENCE`], with `what` and what `probe` said last.
pub async fn until<T, F>(what: &str, mut probe: F) -> T
where
    F: AsyncFnMut() -> Result<T, String>,
{
    let start = Instant::now();
    loop {
        let because = match probe().await {
            Ok(value) => return value,
            Err(because) => because,
        };
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {because}");
        tokio::time::sleep(POLL).await;
    }
}
