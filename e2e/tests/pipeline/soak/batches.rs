//! Phones that were without a network for long: they send fifty events at once, again and again until
//! these are acknowledged.

use crate::{
    client::{self, session},
    world::Ledger,
};
use e2e::Relay;
use reqwest::Client;
use schemas::Uuid;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// Between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// Before one comes again.
const RETRY: Duration = Duration::from_millis(200);

/// Until they are told to end.
pub struct Batches {
    over: Arc<AtomicBool>,
    sending: JoinHandle<Ledger>,
}

impl Batches {
    pub fn start(relay: &Relay) -> Self {
        let over = Arc::<AtomicBool>::default();
        let sending = tokio::spawn(send(relay.url(), over.clone()));
        Self { over, sending }
    }

    /// Everything that was acknowledged; nothing else was sent.
    pub async fn end(self) -> Ledger {
        self.over.store(true, Relaxed);
        self.sending.await.unwrap()
    }
}

async fn send(relay: String, over: Arc<AtomicBool>) -> Ledger {
    let client = Client::new();
    let mut acknowledged = Ledger::new();
    while !over.load(Relaxed) {
        let batch = session(48, Some(7));
        while client::try_post(&client, &relay, &batch, None).await.is_err() {
            tokio::time::sleep(RETRY).await;
        }
        let identity = |event: &schemas::Event| -> (Uuid, u64) { (batch.session_id, event.count) };
        acknowledged.extend(batch.events.iter().map(|event| (identity(event), *event)));
        tokio::time::sleep(PAUSE).await;
    }
    acknowledged
}
