//! The limits, as they can be set.

use std::num::NonZeroU32;

/// What one session, and all together, may ask of the relay at once.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct LimitOptions {
    /// Requests a second of one session, and ten seconds' worth of them at once; 0 is any number.
    /// Beyond, it is asked to wait (429 with Retry-After), and the page sends what it has kept
    /// in fewer and larger requests.
    #[arg(long, env = "RELAY_SESSION_REQUESTS", value_name = "PER_SECOND", default_value_t = 20)]
    pub session_requests: u32,

    /// Events a second of one session, and ten seconds' worth of them at once; 0 is any number.
    /// Nobody presses so fast by hand.
    #[arg(long, env = "RELAY_SESSION_EVENTS", value_name = "PER_SECOND", default_value_t = 500)]
    pub session_events: u32,

    /// New sessions a second, from everywhere together, and ten seconds' worth of them at once; 0 is
    /// any number. Beyond, new ones are asked to come later (503 with Retry-After), while
    /// those that are known go on.
    #[arg(long, env = "RELAY_NEW_SESSIONS", value_name = "PER_SECOND", default_value_t = 1000)]
    pub new_sessions: u32,

    /// Requests whose events are being made durable at once. Beyond, 503 with Retry-After.
    #[arg(
        long,
        env = "RELAY_MAX_REQUESTS_IN_FLIGHT",
        value_name = "NUMBER",
        default_value = "4096"
    )]
    pub max_requests_in_flight: NonZeroU32,

    /// Bytes of large bodies (the part over 4 kB) that are held at once. Beyond, 503 with Retry-After;
    /// small bodies are still taken.
    #[arg(
        long,
        env = "RELAY_MAX_BYTES_IN_FLIGHT",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub max_bytes_in_flight: NonZeroU32,

    /// Connections at once, of which each may take up to about 40 kB; fewer where the system allows
    /// for fewer files. More wait to be accepted, and idle ones are closed earlier.
    #[arg(long, env = "RELAY_MAX_CONNECTIONS", value_name = "NUMBER", default_value = "16384")]
    pub max_connections: NonZeroU32,

    /// Streams of live numbers at once, but never more than three quarters of the connections. Beyond,
    /// 503 with Retry-After.
    #[arg(long, env = "RELAY_MAX_VIEWERS", value_name = "NUMBER", default_value = "8192")]
    pub max_viewers: NonZeroU32,
}
