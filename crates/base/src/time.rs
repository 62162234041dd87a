use std::{fmt, ops, str::FromStr};

use crate::{ParseError, text_serde};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// How far the clocks of two servers may differ, and how far one may be stepped back, without anything being refused.
pub const CLOCK_TOLERANCE: Seconds = Seconds(5);

/// A length of time in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seconds(pub i64);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: no date of ours lies behind it.
    pub const MAX: Self = Self(253_402_300_799_000_000);

    /// The moment this many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The moment this many seconds after the epoch: a NumericDate of RFC 7519.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch, rounded down: a NumericDate.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment this many days later, each of 24 hours.
    pub fn plus_days(self, days: i64) -> Self {
        self + Seconds::days(days)
    }

    /// The time from `earlier` to this moment, rounded down; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Seconds {
        Seconds((self.0 - earlier.0).div_euclid(1_000_000))
    }

    /// RFC 3339 with exactly six fraction digits, the form that is hashed in audit entries.
    pub fn to_rfc3339_micros(self) -> String {
        format!("{:.6}", jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX))
    }
}

impl Seconds {
    /// This many days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self(days.saturating_mul(86_400))
    }
}

impl ops::Add<Seconds> for Timestamp {
    type Output = Self;
    fn add(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_add(seconds.0.saturating_mul(1_000_000)))
    }
}

impl ops::Sub<Seconds> for Timestamp {
    type Output = Self;
    fn sub(self, seconds: Seconds) -> Self {
        Self(self.0.saturating_sub(seconds.0.saturating_mul(1_000_000)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with as many fraction digits as there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    /// Reads an instant of RFC 3339, or `YYYY-MM-DD` for its midnight UTC.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed = || {
            ParseError("a date is an instant like 2027-01-31T12:00:00Z, or a day like 2027-01-31".to_owned())
        };
        let instant = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let micros = instant.parse::<jiff::Timestamp>().map_err(|_| malformed())?.as_microsecond();
        let moment = Self(micros);
        if moment > Self::MAX || micros < 0 { Err(malformed()) } else { Ok(moment) }
    }
}

text_serde!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_rfc3339() {
        let moment: Timestamp = "2026-11-22T08:00:00.25Z".parse().unwrap();
        assert_eq!(moment.to_string(), "2026-11-22T08:00:00.25Z");
        assert_eq!(moment.to_rfc3339_micros(), "2026-11-22T08:00:00.250000Z");
        assert_eq!("2026-11-22".parse::<Timestamp>().unwrap().to_string(), "2026-11-22T00:00:00Z");
        assert_eq!(
            "2026-11-22T10:00:00+02:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-22T08:00:00Z"
        );
    }

    #[test]
    fn refuses_what_is_not_a_date() {
        for text in ["", "tomorrow", "2026-13-01", "2026-11-22T08:00:00", "1969-12-31", "99999-01-01"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn never_overflows() {
        assert_eq!(Timestamp::MAX.plus_days(i64::MAX).micros(), i64::MAX);
        assert_eq!(Timestamp::from_micros(-1).seconds(), -1);
    }
}
