//! The store's file and its limits, as options of a command line.

use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Where the store is, and how large it may become.
#[derive(Args, Clone, Debug)]
pub struct StoreOptions {
    /// SQLite file for events that cannot be produced to Kafka at once; created if missing. Any
    /// SQLite tool can read it.
    #[arg(
        long,
        env = "RELAY_STORE",
        value_name = "FILE",
        default_value = "data/button_presses.sqlite"
    )]
    pub store: PathBuf,

    /// Without Kafka: time from the receipt of an event until it is deleted, as in 90days or 10years.
    /// With Kafka, an event that Kafka does not have yet stays.
    #[arg(long, env = "RELAY_KEEP_EVENTS", value_name = "TIME", default_value = "90days", value_parser = humantime::parse_duration)]
    pub keep_events: Duration,

    /// Limits of the store.
    #[command(flatten)]
    pub limits: Limits,
}

/// How large a store may become, and how long it keeps what Kafka has.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limits {
    /// Size of the store beyond which events are rejected with 503. By default it may take half of
    /// the disk: of the free space and the space that it has at the start.
    #[arg(long, env = "RELAY_MAX_STORE_BYTES", value_name = "BYTES")]
    pub max_store_bytes: Option<u64>,

    /// Time from the delivery of an event to Kafka until its copy in the store is deleted, as in
    /// 90min or 30days.
    #[arg(long, env = "RELAY_KEEP_DELIVERED", value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    pub keep_delivered: Duration,

    /// Time from the receipt of an event until it is deleted although it was not delivered; by default it
    /// stays.
    #[arg(skip)]
    pub keep_undelivered: Option<Duration>,
}

/// The defaults of the options.
impl Default for Limits {
    fn default() -> Self {
        let keep_delivered = Duration::from_secs(24 * 60 * 60);
        Self { max_store_bytes: None, keep_delivered, keep_undelivered: None }
    }
}
