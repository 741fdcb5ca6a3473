//! The visitor's clock, and chance.

use schemas::Timestamp;

/// Milliseconds since 1970 by the visitor's clock, which may be wrong and may jump.
pub fn now_millis() -> f64 {
    js_sys::Date::now()
}

/// The same for an event.
pub fn now() -> Timestamp {
    Timestamp::from_millis_clamped(now_millis())
}

/// A number in 0..1, for jitter and jokes.
pub fn random() -> f64 {
    js_sys::Math::random()
}
