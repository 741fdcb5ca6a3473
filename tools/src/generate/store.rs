//! Into a relay's store, as a relay without Kafka would.

use super::{Destination, report::Journey};
use schemas::{ButtonPress, Received, Timestamp};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};
use tokio::runtime::Runtime;

/// Events of one transaction.
const BATCH: usize = 5000;

/// A store, and what it does not have yet.
pub struct Store {
    store: event_store::Store,
    file: PathBuf,
    runtime: Runtime,
    batch: Vec<Received>,
    stored: u64,
}

impl Store {
    /// Opens or makes it.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let store = event_store::Store::open(file, event_store::Limits::default())?;
        Ok(Self { store, file: file.to_owned(), runtime, batch: Vec::new(), stored: 0 })
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.stored += batch.len() as u64;
        Ok(self.runtime.block_on(self.store.insert(batch))?)
    }
}

impl Destination for Store {
    fn send(
        &mut self,
        press: &ButtonPress,
        _: IpAddr,
        received_at: Timestamp,
    ) -> anyhow::Result<()> {
        self.batch.push(Received { press: press.clone(), received_at });
        if self.batch.len() >= BATCH { self.commit() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<Journey> {
        self.commit()?;
        Ok(Journey::Store { file: self.file, stored: self.stored })
    }
}
