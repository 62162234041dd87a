//! Dates for people: `2027-11-22 (in 365 days)`.

use kaching_base::{Seconds, Timestamp};

const DAY: i64 = 86_400;

/// Returns the date (UTC) with its distance in days.
pub fn day(at: Timestamp, now: Timestamp) -> String {
    with_distance(&date(at), at, now)
}

fn with_distance(said: &str, at: Timestamp, now: Timestamp) -> String {
    let days = at.seconds().div_euclid(DAY) - now.seconds().div_euclid(DAY);
    let distance = match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2.. => format!("in {}", plural(days, "day")),
        _ => format!("{} ago", plural(-days, "day")),
    };
    format!("{said} ({distance})")
}

/// Returns how long ago something was in its largest unit, or its date if that is more than two days.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at).0 {
        i64::MIN..=-60 => day(at, now),
        -59..60 => "just now".to_owned(),
        past @ 60..3600 => format!("{} min ago", past / 60),
        past if past < 2 * DAY => format!("{} h ago", past / 3600),
        _ => day(at, now),
    }
}

/// Returns a moment to the second, as in `2027-11-22T08:00:00Z`.
pub fn exact(at: Timestamp) -> String {
    Timestamp::from_seconds(at.seconds()).to_string()
}

/// Returns when something begins, to the minute unless it is midnight: `2027-11-22 UTC (in 365 days)`.
pub fn begins(at: Timestamp, now: Timestamp) -> String {
    with_distance(&at.in_words(), at, now)
}

/// Returns when something ends. For midnight that is the day before, the last one that counts.
pub fn ends_on(at: Timestamp, now: Timestamp) -> String {
    with_distance(&at.end_in_words(), at.last_day(), now)
}

/// Returns a duration in its largest whole unit: `15 min`, `3 days`.
pub fn span(Seconds(seconds): Seconds) -> String {
    match seconds {
        0 => "none".to_owned(),
        s if s % DAY == 0 => plural(s / DAY, "day"),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// Returns a count with its noun: `1 day`, `3 days`.
pub fn plural(count: i64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_days_of_the_calendar() {
        let now = at("2026-11-22T23:59:00Z");
        for (date, words) in [
            ("2027-11-22", "2027-11-22 (in 365 days)"),
            ("2026-11-23", "2026-11-23 (tomorrow)"),
            ("2026-11-22", "2026-11-22 (today)"),
            ("2026-11-21", "2026-11-21 (yesterday)"),
            ("2026-11-01", "2026-11-01 (21 days ago)"),
        ] {
            assert_eq!(day(at(date), now), words);
        }
    }

    #[test]
    fn says_how_long_ago_in_the_largest_unit() {
        let now = at("2026-11-22T12:00:00Z");
        for (moment, words) in [
            ("2026-11-22T11:59:30Z", "just now"),
            ("2026-11-22T11:55:00Z", "5 min ago"),
            ("2026-11-21T13:00:00Z", "23 h ago"),
            ("2026-11-01T00:00:00Z", "2026-11-01 (21 days ago)"),
            ("2026-11-24T00:00:00Z", "2026-11-24 (in 2 days)"),
        ] {
            assert_eq!(ago(at(moment), now), words);
        }
    }

    #[test]
    fn a_moment_is_exact_to_the_second() {
        assert_eq!(exact(at("2026-11-22T11:59:30.999999Z")), "2026-11-22T11:59:30Z");
    }

    #[test]
    fn names_a_span_by_its_largest_whole_unit() {
        for (seconds, words) in [
            (0, "none"),
            (45, "45 s"),
            (900, "15 min"),
            (7200, "2 h"),
            (86_400, "1 day"),
            (259_200, "3 days"),
        ] {
            assert_eq!(span(Seconds(seconds)), words);
        }
    }
}
