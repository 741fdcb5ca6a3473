//! From a request to events: the parser, limits, the client's address, and the place that replaces it.

pub mod limits;
pub mod parse;
