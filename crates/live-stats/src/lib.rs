//! Live numbers: presses by country, map point and time, aggregated once and served to all viewers.
//!
//! ```text
//!  topic or store ──► Source ──► Aggregator ──► Update, serialised once ──► routes ──► viewers
//!                     └─ feed, one thread ─┘    watch channel
//! ```
//!
//! Files in the order of an event: `sources` reads the topic or the store, `feed` is the thread that
//! aggregates and publishes, `aggregator` counts, with `session_tracker` against duplicates and `window` for
//! the last hour, and `routes` serves the numbers as JSON and as server-sent events. `options` are those of the
//! command line.
//!
//! The numbers are public. They hold no session, and name a place only from a number of visits on.
//!
//! Nothing is stored: each start reads all events again and computes the same numbers.

mod aggregator;
mod feed;
mod gzip;
mod options;
mod routes;
mod session_tracker;
mod sources;
mod window;

pub use aggregator::{Aggregator, Capacity};
pub use feed::{LiveStats, Source, Update};
pub use options::LiveOptions;
pub use routes::{Server, routes};
pub use sources::{StoreSource, TopicSource};
