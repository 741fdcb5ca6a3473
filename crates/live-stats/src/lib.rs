//! Live numbers: presses by country and place, of all events.
//!
//! ```text
//!  topic or store ──► Source ──► Aggregator ──► Stats, serialised once for all ──► routes ──► viewers
//!                     a thread of its own             watch channel
//! ```
//!
//! They are kept nowhere: each start reads all events again, and gets the same numbers.

mod aggregator;
mod feed;
mod routes;
mod session_tracker;
mod sources;
mod window;

pub use aggregator::{Aggregator, Capacity};
pub use feed::{LiveStats, Source, Update};
pub use routes::{Server, routes};
pub use sources::{StoreSource, TopicSource};
