//! From a request to events: the parser, the client's address, and the place that replaces it.

pub mod client_ip;
pub mod geo;
pub mod parse;
