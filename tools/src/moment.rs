//! Moments as people give them: a time, or how long ago it was.

use schemas::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in the past or future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So many microseconds before now.
    Ago(i64),
    /// This time.
    At(Timestamp),
}

impl Moment {
    /// From `2d`, `90m`, `1h 30m`, or ISO 8601 with an offset such as `2026-03-07T10:00:00Z`.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(time) = Timestamp::parse(text) {
            return Ok(Self::At(time));
        }
        let ago = humantime::parse_duration(text).ok();
        ago.and_then(|ago| i64::try_from(ago.as_micros()).ok()).map(Self::Ago).ok_or_else(|| {
            "neither how long ago, as in 2d or 90m, nor a time, as in 2026-03-07T10:00:00Z"
                .to_owned()
        })
    }

    /// The time that it is, from `now` on.
    pub fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            // Before 1970 there is nothing.
            Self::Ago(micros) => Timestamp::from_micros(now.micros().saturating_sub(micros))
                .unwrap_or(Timestamp::EPOCH),
        }
    }
}

/// The time by this machine's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(micros).unwrap_or(Timestamp::EPOCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn moments_are_durations_or_times() {
        let now = Timestamp::parse("2026-03-07T10:00:00Z").unwrap();
        for (text, time) in [
            ("2d", "2026-03-05T10:00:00Z"),
            ("1h 30m", "2026-03-07T08:30:00Z"),
            ("2026-03-07T10:00:00+01:00", "2026-03-07T09:00:00Z"),
            ("0s", "2026-03-07T10:00:00Z"),
            ("90000d", "1970-01-01T00:00:00Z"),
        ] {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(moment.time(now), Timestamp::parse(time).unwrap(), "{text}");
        }
        for wrong in ["", "yesterday", "-2d", "2026-03-07", "99999999999999d"] {
            assert!(Moment::parse(wrong).is_err(), "{wrong}");
        }
    }
}
