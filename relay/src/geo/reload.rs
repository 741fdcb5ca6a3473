//! A newer database is taken up while the relay runs.

use super::{Geo, database::Database};
use crate::error_chain::error_chain;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the file is looked at. Databases change once a week.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What tells one version of the file from another.
type Version = Option<(SystemTime, u64)>;

impl Geo {
    /// Watches the file, and SIGHUP, until `shutdown`. A file that is not sound is reported and
    /// the loaded database kept.
    pub async fn keep_fresh(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut loaded = version(&path);
        loop {
            let asked = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = hang_up.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            let found = version(&path);
            if !asked && (found == loaded || found.is_none()) {
                continue;
            }
            // Remembered even if it is bad, so that it is reported once and not every few seconds.
            loaded = found;
            let path = path.clone();
            let opened = tokio::task::spawn_blocking(move || {
                let database = Database::open(&path)?;
                database.verify(&path).map(|()| database)
            });
            match opened.await? {
                Ok(database) => {
                    tracing::info!(name = database.name(), "geo database is reloaded");
                    self.database.store(Some(Arc::new(database)));
                }
                Err(error) => {
                    tracing::error!("the loaded database stays in use: {}", error_chain(&error))
                }
            }
        }
    }
}

fn version(path: &Path) -> Version {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
