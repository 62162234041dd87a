use kaching_base::{ParseError, Seconds};

/// Reads `15m`, `12h`, `3d`, `2w`, or plain seconds.
pub(crate) fn seconds(text: &str) -> Result<Seconds, ParseError> {
    let malformed = || ParseError::new("a length of time looks like 15m, 12h, 3d or 900s");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(malformed()),
    };
    let count: i64 = digits.parse().map_err(|_| malformed())?;
    if count < 0 {
        return Err(malformed());
    }
    count.checked_mul(unit).map(Seconds).ok_or_else(malformed)
}

/// Reads how far a clock is moved: `+40d`, `-1h`, `40d`; by ten years at most.
pub(crate) fn offset(text: &str) -> Result<Seconds, ParseError> {
    let malformed =
        || ParseError::new("a clock is moved by a length of time with its direction, like +40d or -1h");
    let (length, backwards) = match text.strip_prefix('-') {
        Some(length) => (length, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let length = seconds(length).map_err(|_| malformed())?;
    if length > Seconds::days(3650) {
        return Err(ParseError::new("a clock is moved by 3650 days at most"));
    }
    Ok(Seconds(if backwards { -length.0 } else { length.0 }))
}

/// Reads whole days: `14d`, `2w`, or a plain number of days.
pub(crate) fn days(text: &str) -> Result<i64, ParseError> {
    if let Ok(days @ 0..) = text.parse::<i64>() {
        return Ok(days);
    }
    match seconds(text) {
        Ok(Seconds(seconds)) if seconds % 86_400 == 0 => Ok(seconds / 86_400),
        _ => Err(ParseError::new("this takes whole days, like 14d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_far_a_clock_is_moved() {
        for (text, length) in [("+40d", 3_456_000), ("-1h", -3600), ("15m", 900), ("+0", 0)] {
            assert_eq!(offset(text), Ok(Seconds(length)), "{text}");
        }
        for text in ["", "+", "--1h", "+-1h", "-1.5", "+3651d", "99999999999999999999999", "tomorrow"] {
            assert!(offset(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_lengths_of_time() {
        for (text, length) in [
            ("0", 0),
            ("45", 45),
            ("900s", 900),
            ("15m", 900),
            ("12h", 43_200),
            ("3d", 259_200),
            ("1w", 604_800),
        ] {
            assert_eq!(seconds(text), Ok(Seconds(length)), "{text}");
        }
        for text in ["", "m", "-1", "1.5h", "3 d", "15M", "1y", "9223372036854775807d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert_eq!((days("14"), days("14d"), days("2w")), (Ok(14), Ok(14), Ok(14)));
        assert!(days("36h").is_err() && days("-1").is_err());
    }
}
