use kaching_base::{LicenseType, Term, Timestamp};

use crate::{Invalid, License};

/// The first activation sets the dates; nothing if they are set.
pub fn start(license: &License, now: Timestamp) -> Option<License> {
    if !license.starts_at_first_activation {
        return None;
    }
    let mut started = License { starts_at: Some(now), starts_at_first_activation: false, ..license.clone() };
    set_term(&mut started, now);
    Some(started.raised(now))
}

/// Sets the end by the license's own term from a moment; a perpetual license, or one without a term, has none.
pub(super) fn set_term(license: &mut License, from: Timestamp) {
    let term = license.granted.term.filter(|_| license.license_type != LicenseType::Perpetual);
    let end = term.map(|term| term.end(from, None));
    (license.expires_at, license.kept_day) = (end.map(|(at, _)| at), end.and_then(|(_, day)| day));
}

/// The end of a term, and the day of the month that it keeps; see [`Term::end`].
///
/// # Errors
/// If that is after the last date there is.
pub(super) fn end_of(
    term: Term,
    from: Timestamp,
    kept: Option<u8>,
) -> Result<(Timestamp, Option<u8>), Invalid> {
    match term.end(from, kept) {
        (at, _) if at > Timestamp::MAX => Err(Invalid::new(pointer(term), "this ends after the year 9999")),
        end => Ok(end),
    }
}

/// The position of a term in a request: days may be given as a number.
pub(super) fn pointer(term: Term) -> &'static str {
    if term.days().is_some() { "/days" } else { "/term" }
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
