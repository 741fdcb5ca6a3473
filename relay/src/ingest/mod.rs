//! What an event gets before it is recorded: the client's address, and the place that replaces it.

pub mod client_ip;
pub mod geo;
