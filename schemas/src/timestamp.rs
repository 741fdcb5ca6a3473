//! Timestamps of events.

use crate::text::Text;
use chrono::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Microseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is an ISO 8601 string in UTC with six decimals
/// (`2025-03-07T10:33:46.754240+00:00`); in Avro and in the SQL tables a long of microseconds.
/// The years are 1970 to 9999, which all sinks can store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last microsecond of the year 9999.
const MAX_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Converts microseconds since 1970; `None` outside the years 1970 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (0..=MAX_MICROS).contains(&micros).then_some(Self(micros))
    }

    /// Converts milliseconds since 1970, the resolution of browsers' clocks, clamped to the years
    /// 1970 to 9999: presses on a device without a usable clock are counted as well.
    pub fn from_millis_clamped(millis: f64) -> Self {
        // `as` saturates, and makes 0 of NaN.
        Self(((millis * 1000.0) as i64).clamp(0, MAX_MICROS))
    }

    /// Parses ISO 8601 (RFC 3339) with any offset; digits beyond microseconds are dropped.
    /// `None` for anything else, such as a time without an offset or a year out of range.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_micros(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The second that it is in, without its fraction.
    pub fn whole_seconds(self) -> Self {
        Self(self.0 - self.0 % 1_000_000)
    }

    /// Whole milliseconds since 1970, the unit of Kafka's record timestamps.
    pub fn millis(self) -> i64 {
        self.0 / 1000
    }
}

impl fmt::Display for Timestamp {
    /// Written by hand, since chrono's formatting would add 2 kB to the page's download.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000000+00:00";
        for (last, digits, number) in [
            (3, 4, year),
            (6, 2, month),
            (9, 2, day),
            (12, 2, second / 3600),
            (15, 2, second / 60 % 60),
            (18, 2, second % 60),
            (25, 6, micros),
        ] {
            let mut rest = number;
            for place in text.iter_mut().take(last + 1).rev().take(digits) {
                *place = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01. Computed with years that
/// begin in March, so that the leap day is their last one.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // From 0000-03-01 on.
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let after_december = month >= 10;
    let month = if after_december { month - 9 } else { month + 3 };
    (era * 400 + year + i64::from(after_december), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?.0;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("timestamp is not ISO 8601 with an offset in the years 1970 to 9999")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{SecondsFormat, Utc};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn timestamp_is_written_as_by_chrono_and_read_back(micros in 0..=MAX_MICROS) {
            let ours = Timestamp(micros);
            let theirs = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
            prop_assert_eq!(ours.to_string(), theirs.to_rfc3339_opts(SecondsFormat::Micros, false));
            prop_assert_eq!(Timestamp::parse(&ours.to_string()), Some(ours));
        }
    }

    #[test]
    fn timestamp_is_written_in_utc_with_six_decimals() {
        let time = Timestamp::parse("2025-03-07T12:33:46.75424+02:00").map(|t| t.to_string());
        assert_eq!(time.as_deref(), Some("2025-03-07T10:33:46.754240+00:00"));
    }

    #[test]
    fn whole_seconds_have_no_fraction() {
        let time = Timestamp(1_741_343_626_754_240).whole_seconds();
        assert_eq!(time.to_string(), "2025-03-07T10:33:46.000000+00:00");
        assert_eq!(time.whole_seconds(), time);
    }

    #[test]
    fn text_outside_years_or_without_offset_is_rejected() {
        for bad in [
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:60Z",
            "2025-03-07T10:33:46",
            "2025-03-07",
            "",
            "now",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
        assert_eq!(
            Timestamp::parse("9999-12-31T23:59:59.999999Z").map(Timestamp::micros),
            Some(MAX_MICROS)
        );
    }

    #[test]
    fn milliseconds_out_of_range_are_clamped() {
        assert_eq!(Timestamp::from_millis_clamped(f64::NAN).micros(), 0);
        assert_eq!(Timestamp::from_millis_clamped(-1.0).micros(), 0);
        assert_eq!(Timestamp::from_millis_clamped(f64::INFINITY).micros(), MAX_MICROS);
        assert_eq!(Timestamp::from_millis_clamped(1.5).micros(), 1500);
    }
}
