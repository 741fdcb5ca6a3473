//! Limits that can be configured.

use std::num::NonZeroU32;

/// Limits per session and for all requests.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LimitOptions {
    /// Requests per second and session, in bursts of up to 10 s worth; 0 disables the limit. Excess
    /// requests get 429 with Retry-After, and the page sends its queued events in fewer and larger
    /// requests.
    #[arg(long, env = "RELAY_SESSION_REQUESTS", value_name = "PER_SECOND", default_value_t = 20)]
    pub session_requests: u32,

    /// Events per second and session, in bursts of up to 10 s worth; 0 disables the limit. Pressing
    /// by hand stays far below the default.
    #[arg(long, env = "RELAY_SESSION_EVENTS", value_name = "PER_SECOND", default_value_t = 500)]
    pub session_events: u32,

    /// New sessions per second from all clients together, in bursts of up to 10 s worth; 0 disables
    /// the limit. Excess new sessions get 503 with Retry-After; known sessions are not affected.
    #[arg(long, env = "RELAY_NEW_SESSIONS", value_name = "PER_SECOND", default_value_t = 1000)]
    pub new_sessions: u32,

    /// Memory in bytes for large request bodies, counted beyond the first 4 kB of each. Excess
    /// requests get 503 with Retry-After; small bodies are still accepted.
    #[arg(
        long,
        env = "RELAY_MAX_BYTES_IN_FLIGHT",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub max_bytes_in_flight: NonZeroU32,

    /// Open connections, each of which takes up to about 40 kB; fewer if the limit of open files is
    /// lower. At most half of them can be streams of live numbers. Excess connections wait to be
    /// accepted, and idle ones are closed earlier.
    #[arg(long, env = "RELAY_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "16384")]
    pub max_connections: NonZeroU32,
}
