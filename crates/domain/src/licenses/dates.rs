use kaching_base::{LicenseType, Timestamp};

use crate::{Invalid, License};

/// The first activation sets the dates; nothing if they are set.
pub fn start(license: &License, now: Timestamp) -> Option<License> {
    if !license.starts_at_first_activation {
        return None;
    }
    let days = license.granted.term_days.filter(|_| license.license_type != LicenseType::Perpetual);
    let started = License {
        starts_at: Some(now),
        expires_at: days.map(|days| now.plus_days(days)),
        starts_at_first_activation: false,
        ..license.clone()
    };
    Some(started.raised(now))
}

/// The moment this many days later.
///
/// # Errors
/// If that is after the last date there is.
pub(super) fn days_later(pointer: &str, from: Timestamp, days: i64) -> Result<Timestamp, Invalid> {
    match from.plus_days(days) {
        at if at <= Timestamp::MAX => Ok(at),
        _ => Err(Invalid::new(pointer, "this ends after the year 9999")),
    }
}

/// A perpetual license has no end, every other has one, and no license ends before it starts.
pub(super) fn check_dates(license: &License) -> Result<(), Invalid> {
    let perpetual = license.license_type == LicenseType::Perpetual;
    match (license.starts_at, license.expires_at) {
        (_, Some(_)) if perpetual => Err(Invalid::new(
            "/expires_at",
            "a perpetual license has no end date; give another type or no date",
        )),
        (_, None) if !perpetual && !license.starts_at_first_activation => {
            let word = license.license_type;
            Err(Invalid::new(
                "/expires_at",
                format!("a {word} license has an end date; only a perpetual one has none"),
            ))
        }
        (Some(starts), Some(expires)) if expires <= starts => {
            Err(Invalid::new("/expires_at", "the license would end before it starts"))
        }
        _ => Ok(()),
    }
}
