//! The live numbers: who pressed, and from where.
//!
//! ```text
//!  the topic, or the store ──► Source ──► Fold ──► Stats, as JSON, once for everybody ──► viewers
//!                              a thread of its own                    watch channel
//! ```
//!
//! They are kept nowhere: each start reads all events again, and gets the same numbers.

mod decode;
mod feed;
mod fold;
mod seen;
mod source;
mod stats;
mod window;

pub use feed::{Live, Update};
pub use fold::{Fold, Limits};
pub use source::Source;
pub use stats::{Progress, Stats, You};
