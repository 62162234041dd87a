use kaching_base::{ErrorCode, Timestamp};

use super::{
    Present,
    change_plan::{check_use, copied},
    dates::{check_dates, days_later},
};
use crate::{Invalid, License, Plan, Refused, Rejected, terms::check_days};

/// How far a renewal reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renew {
    /// By the days of the plan.
    Term,
    /// By this many days.
    Days(i64),
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
    let expires_at = new_end(license, plan, renew.reach, now)?;
    let renewed = License { expires_at: Some(expires_at), granted: copied(plan, license), ..license.clone() };
    check_dates(&renewed)?;
    if !renew.force {
        check_use(&license.terms(), &renewed.terms(), present)?;
    }
    Ok(renewed.raised(now))
}

fn new_end(license: &License, plan: &Plan, renew: Renew, now: Timestamp) -> Result<Timestamp, Rejected> {
    let days = match renew {
        Renew::Days(days) => Some(("/days", days)),
        Renew::Term => plan.terms.term_days.map(|days| ("/term_days", days)),
        Renew::Until(_) => None,
    };
    if let Some((pointer, days)) = days {
        check_days(pointer, days)?;
    }
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
    match (renew, days) {
        (Renew::Until(at), _) if at < present => {
            let detail = format!(
                "the license ends on {present}, which is later: a renewal takes no time away; to end it earlier, edit it"
            );
            Err(Invalid::new("/expires_at", detail).into())
        }
        (Renew::Until(at), _) => Ok(at),
        (_, Some((pointer, days))) => Ok(days_later(pointer, present.max(now), days)?),
        (_, None) => {
            let detail = format!("the plan {} has no term: give days or an end date", plan.code);
            Err(Invalid::new("/days", detail).into())
        }
    }
}
