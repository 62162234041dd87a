use std::{fmt, ops, str::FromStr};

use jiff::{Span, civil::Date};

use crate::{ParseError, text_serde};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// The day of the first moment.
const DAY_ZERO: Date = Date::constant(1970, 1, 1);
/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;

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

    /// For people: `2027-12-31 UTC`, or `2027-12-31 10:30 UTC` where it is not midnight.
    pub fn in_words(self) -> String {
        let text = self.to_string();
        let (day, time) = (text.get(..10).unwrap_or(&text), text.get(11..16).unwrap_or_default());
        if self.is_midnight() { format!("{day} UTC") } else { format!("{day} {time} UTC") }
    }

    /// For people, of a moment from which something has ended: at midnight the day before, which is the last that
    /// counts.
    pub fn end_in_words(self) -> String {
        self.last_day().in_words()
    }

    /// The last day before an end at midnight; any other end as it is.
    pub fn last_day(self) -> Self {
        if self.is_midnight() { self - Seconds::days(1) } else { self }
    }

    const fn is_midnight(self) -> bool {
        self.0.rem_euclid(DAY) == 0
    }

    /// The day of its month in UTC, from 1.
    pub(crate) fn day_of_month(self) -> u8 {
        self.civil().day().unsigned_abs()
    }

    /// Returns the same time of day `months` months later, on this day of the month, or on the last day of a shorter
    /// month. A result after the year 9999 is later than every date.
    pub(crate) fn months_later(self, months: i64, day: u8) -> Self {
        let now = self.civil();
        let month = i64::from(now.year()) * 12 + i64::from(now.month()) - 1 + months;
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let first =
            i16::try_from(year).ok().and_then(|year| Date::new(year, i8::try_from(month).ok()?, 1).ok());
        let Some(first) = first else { return Self(i64::MAX) };
        let day = i8::try_from(day).unwrap_or(i8::MAX).clamp(1, first.days_in_month());
        let days = first.with().day(day).build().and_then(|date| date.since(DAY_ZERO));
        let Ok(days) = days else { return Self(i64::MAX) };
        Self(i64::from(days.get_days()) * DAY + self.0.rem_euclid(DAY))
    }

    fn civil(self) -> Date {
        let days = Span::new().try_days(self.0.div_euclid(DAY));
        days.and_then(|days| DAY_ZERO.checked_add(days)).unwrap_or(Date::MAX)
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
        let malformed = || not_in_calendar(text).unwrap_or_else(unreadable);
        let instant = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let micros = instant.parse::<jiff::Timestamp>().map_err(|_| malformed())?.as_microsecond();
        if micros < 0 { Err(unreadable()) } else { Ok(Self(micros)) }
    }
}

text_serde!(Timestamp, "Timestamp", ("An instant in UTC, RFC 3339.", format = DateTime));

fn unreadable() -> ParseError {
    ParseError("a date is an instant like 2027-01-31T12:00:00Z, or a day like 2027-01-31".to_owned())
}

/// Why a text that looks like a day names none, as 2027-02-29 does.
fn not_in_calendar(text: &str) -> Option<ParseError> {
    let mut parts = text.get(..10)?.split('-');
    let mut next = || parts.next()?.parse::<i16>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    if !(1..=12).contains(&month) || !(1970..=9999).contains(&year) {
        return None;
    }
    let last = Date::new(year, i8::try_from(month).ok()?, 1).ok()?.days_in_month();
    if !(1..=i16::from(last)).contains(&day) {
        let detail = format!("there is no day {day} in {year:04}-{month:02}, which has {last} days");
        return Some(ParseError(detail));
    }
    ((year, month) == (9999, 12) && day >= 30).then(too_late)
}

fn too_late() -> ParseError {
    ParseError("dates end with 9999-12-29: give an earlier one, or no end".to_owned())
}

/// The moment from which something has ended. A bare day is included: it ends with its last moment, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EndDate(pub Timestamp);

impl fmt::Display for EndDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EndDate {
    type Err = ParseError;

    /// Reads an instant of RFC 3339, or `YYYY-MM-DD` for the end of that day in UTC.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let moment: Timestamp = text.parse()?;
        let end = if text.len() == 10 { moment + Seconds::days(1) } else { moment };
        if jiff::Timestamp::from_microsecond(end.0).is_err() { Err(too_late()) } else { Ok(Self(end)) }
    }
}

text_serde!(EndDate, "EndDate", ("An instant, RFC 3339, or a day that is included.", format = DateTime));

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
    fn an_end_includes_the_day_that_it_names() {
        for (text, end) in [
            ("2027-12-31", "2028-01-01T00:00:00Z"),
            ("2028-02-29", "2028-03-01T00:00:00Z"),
            ("2027-12-31T12:00:00Z", "2027-12-31T12:00:00Z"),
        ] {
            assert_eq!(text.parse::<EndDate>().unwrap().to_string(), end);
        }
        for (text, why) in [
            ("9999-12-31", "no end"),
            ("9999-12-30", "no end"),
            ("2027-02-29", "2027-02, which has 28 days"),
            ("2027-04-31", "there is no day 31"),
            ("2027-04-00", "there is no day 0"),
            ("2027-13-01", "an instant like"),
        ] {
            let reason = text.parse::<EndDate>().unwrap_err().to_string();
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn people_see_the_last_day_that_counts() {
        for (text, start, end) in [
            ("2028-01-01T00:00:00Z", "2028-01-01 UTC", "2027-12-31 UTC"),
            ("2027-12-31T10:30:59Z", "2027-12-31 10:30 UTC", "2027-12-31 10:30 UTC"),
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!((moment.in_words().as_str(), moment.end_in_words().as_str()), (start, end));
        }
    }

    #[test]
    fn never_overflows() {
        assert_eq!(Timestamp::MAX.plus_days(i64::MAX).micros(), i64::MAX);
        assert_eq!(Timestamp::from_micros(-1).seconds(), -1);
    }
}
