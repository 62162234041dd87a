use std::{fmt, str::FromStr};

use crate::{ParseError, Seconds, Timestamp, text_serde};

/// A century: no term is longer.
const LONGEST_DAYS: i64 = 36_500;
const LONGEST_MONTHS: i64 = 1_200;

/// The length of a license: days of 24 hours, or months and years of the calendar. Between a day and a century.
///
/// In text `30d`, `6m` or `1y`; twelve months are a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term(Length);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Length {
    Days(i64),
    Months(i64),
}

impl Term {
    /// Days of 24 hours.
    ///
    /// # Errors
    /// If that is less than one, or more than a century.
    pub fn of_days(days: i64) -> Result<Self, ParseError> {
        match days {
            1..=LONGEST_DAYS => Ok(Self(Length::Days(days))),
            _ => Err(ParseError::new(format!("days are 1 to {LONGEST_DAYS}, not {days}"))),
        }
    }

    /// Months of the calendar.
    ///
    /// # Errors
    /// If that is less than one, or more than a century.
    pub fn of_months(months: i64) -> Result<Self, ParseError> {
        match months {
            1..=LONGEST_MONTHS => Ok(Self(Length::Months(months))),
            _ => Err(ParseError::new("a term is at least a day and at most 100 years")),
        }
    }

    /// The days, where it is counted in days.
    pub fn days(self) -> Option<i64> {
        match self.0 {
            Length::Days(days) => Some(days),
            Length::Months(_) => None,
        }
    }

    /// The end of this term from a moment, and the day of the month that is kept where it goes by the calendar: a month
    /// without that day ends on its last, and later months have it again. `kept` is what an earlier term has kept; else
    /// it is the moment's own day.
    pub fn end(self, from: Timestamp, kept: Option<u8>) -> (Timestamp, Option<u8>) {
        match self.0 {
            Length::Days(days) => (from + Seconds::days(days), None),
            Length::Months(months) => {
                let day = kept.unwrap_or_else(|| from.day_of_month());
                (from.months_later(months, day), Some(day))
            }
        }
    }

    /// In words: `30 days`, `6 months`, `1 year`.
    pub fn in_words(self) -> String {
        let (count, noun) = match self.0 {
            Length::Days(days) => (days, "day"),
            Length::Months(months) if months % 12 == 0 => (months / 12, "year"),
            Length::Months(months) => (months, "month"),
        };
        if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Length::Days(days) => write!(f, "{days}d"),
            Length::Months(months) if months % 12 == 0 => write!(f, "{}y", months / 12),
            Length::Months(months) => write!(f, "{months}m"),
        }
    }
}

impl FromStr for Term {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed =
            || ParseError::new("a term is a number of years, months, weeks or days, as in 1y, 6m, 2w or 30d");
        let unit = text.chars().last().filter(char::is_ascii_alphabetic).ok_or_else(malformed)?;
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(malformed());
        }
        // A value too long for a number is too long for a term.
        let count = digits.parse().unwrap_or(i64::MAX);
        match unit {
            'd' => Self::of_days(count),
            'w' => Self::of_days(count.saturating_mul(7)),
            'm' => Self::of_months(count),
            'y' => Self::of_months(count.saturating_mul(12)),
            _ => Err(malformed()),
        }
    }
}

text_serde!(
    Term,
    "Term",
    (
        "A length: days, weeks, months or years, at most a century: `30d`, `2w`, `6m`, `1y`.",
        pattern = "^(([1-9][0-9]{0,3}|[12][0-9]{4}|3[0-5][0-9]{3}|36[0-4][0-9]{2}|36500)d|([1-9][0-9]{0,2}|[1-4][0-9]{3}|5[01][0-9]{2}|520[0-9]|521[0-4])w|([1-9][0-9]{0,2}|1[01][0-9]{2}|1200)m|([1-9][0-9]?|100)y)$"
    )
);

#[cfg(test)]
mod tests {
    use super::*;

    fn end(from: &str, term: &str, kept: Option<u8>) -> (String, Option<u8>) {
        let (end, kept) = term.parse::<Term>().unwrap().end(from.parse().unwrap(), kept);
        (end.to_string(), kept)
    }

    #[test]
    fn months_and_years_follow_the_calendar_and_keep_their_day() {
        for (from, term, kept, to, keeps) in [
            ("2027-01-15T10:30:00Z", "1m", None, "2027-02-15T10:30:00Z", Some(15)),
            ("2027-01-31T00:00:00Z", "1m", None, "2027-02-28T00:00:00Z", Some(31)),
            ("2027-02-28T00:00:00Z", "1m", Some(31), "2027-03-31T00:00:00Z", Some(31)),
            ("2027-03-31T00:00:00Z", "1m", Some(31), "2027-04-30T00:00:00Z", Some(31)),
            ("2028-02-29T00:00:00Z", "1y", None, "2029-02-28T00:00:00Z", Some(29)),
            ("2031-02-28T00:00:00Z", "1y", Some(29), "2032-02-29T00:00:00Z", Some(29)),
            ("2026-11-30T00:00:00Z", "15m", None, "2028-02-29T00:00:00Z", Some(30)),
            ("2026-12-01T00:00:00Z", "30d", Some(31), "2026-12-31T00:00:00Z", None),
        ] {
            assert_eq!(end(from, term, kept), (to.to_owned(), keeps), "{from} and {term}");
        }
    }

    #[test]
    fn an_end_after_all_dates_is_one_that_no_date_is_past() {
        let term: Term = "100y".parse().unwrap();
        assert!(term.end(Timestamp::MAX, None).0 > Timestamp::MAX);
    }

    #[test]
    fn reads_and_writes_its_text() {
        for (text, written, words) in [
            ("30d", "30d", "30 days"),
            ("2w", "14d", "14 days"),
            ("1m", "1m", "1 month"),
            ("12m", "1y", "1 year"),
            ("18m", "18m", "18 months"),
        ] {
            let term: Term = text.parse().unwrap();
            assert_eq!((term.to_string().as_str(), term.in_words().as_str()), (written, words));
        }
        for text in
            ["", "d", "30", "1.5y", "-1y", "0d", "0m", "36501d", "101y", "1Y", "99999999999999999999y", "3é"]
        {
            assert!(text.parse::<Term>().is_err(), "{text}");
        }
    }
}
