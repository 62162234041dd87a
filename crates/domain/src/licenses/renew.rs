use kaching_base::{ErrorCode, Term, Timestamp};

use super::{
    Present,
    change_plan::{check_use, copied},
    dates::{check_dates, end_of},
};
use crate::{Invalid, License, Plan, Refused, Rejected};

/// The new end of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renew {
    /// By the term of the plan.
    Plan,
    /// By this term.
    Term(Term),
    /// To this date.
    Until(Timestamp),
}

/// A renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewLicense {
    pub reach: Renew,
    /// Also where the plan's terms are below present use.
    pub force: bool,
}

/// Moves the end date: from the present one if that is in the future, else from now. The license copies the terms
/// that its plan has now; its own overrides stay.
///
/// # Errors
/// If the license is revoked, has no end or has not started, the date makes no sense or is before the present end,
/// or the terms that the plan has now are below present use.
pub fn renew(
    license: &License,
    plan: &Plan,
    renew: RenewLicense,
    present: &Present,
    now: Timestamp,
) -> Result<License, Rejected> {
    let (expires_at, kept_day) = new_end(license, plan, renew.reach, now)?;
    let granted = copied(plan, license);
    let renewed = License { expires_at: Some(expires_at), kept_day, granted, ..license.clone() };
    check_dates(&renewed)?;
    if !renew.force {
        check_use(&license.terms(), &renewed.terms(), present)?;
    }
    Ok(renewed.raised(now))
}

/// The new end, and the day of the month that it keeps.
fn new_end(
    license: &License,
    plan: &Plan,
    renew: Renew,
    now: Timestamp,
) -> Result<(Timestamp, Option<u8>), Rejected> {
    if matches!(renew, Renew::Until(at) if at <= now) {
        return Err(Invalid::new("/expires_at", "the new end date is in the past").into());
    }
    license.living()?;
    let wrong = |detail| Err(Refused::new(ErrorCode::WrongState, detail).into());
    if license.starts_at_first_activation {
        return wrong("the license has not started: its first activation sets the dates");
    }
    let Some(present) = license.expires_at else {
        return wrong("the license is perpetual: it has no end to move");
    };
    let term = match renew {
        Renew::Until(at) if at < present => {
            let detail = format!(
                "the license ends on {}, which is later: a renewal takes no time away; to end it earlier, edit it",
                present.end_in_words()
            );
            return Err(Invalid::new("/expires_at", detail).into());
        }
        Renew::Until(at) => return Ok((at, None)),
        Renew::Term(term) => term,
        Renew::Plan => plan.terms.term.ok_or_else(|| {
            let detail = format!("the plan {} has no term: give one or an end date", plan.code);
            Invalid::new("/days", detail)
        })?,
    };
    // From now, a new row of terms begins, which keeps the day of now.
    let kept = license.kept_day.filter(|_| present >= now);
    Ok(end_of(term, present.max(now), kept)?)
}
