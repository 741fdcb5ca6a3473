//! Checks of `Host` and `Origin`: at which hosts requests are answered, and pages of which origins may post.

mod host;
mod options;
mod origin;

pub use host::{HostError, Hosts, parse_public_url};
pub use options::OriginOptions;
pub use origin::{Posters, accept_marked, parse_origin};
