use std::{collections::BTreeMap, sync::Arc};

use kaching_base::{Code, ErrorCode, LicenseType, Timestamp};

use super::{bindings, dates::check_dates};
use crate::{Invalid, License, Plan, Refused, Rejected, ScheduledChange, Terms};

/// A change to another plan of the product, up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangePlan {
    pub at: At,
    /// Also below present use: who holds a slot stays until it lapses, and none is admitted.
    pub force: bool,
}

/// The time at which a change of plan takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Now,
    /// At the end date.
    PeriodEnd,
}

/// The present use.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Present {
    /// The installations that hold a slot.
    pub active: u64,
    /// Of each level the highest that any of them reported.
    pub levels: BTreeMap<Code, u64>,
}

/// Gives the license another plan, now or at the period's end. To the plan that it has: ends a scheduled change.
///
/// # Errors
/// If the license is revoked, the plan is another product's or archived, or the new terms are below present use.
pub fn change_plan(
    license: &License,
    from: &Plan,
    to: &Plan,
    change: ChangePlan,
    present: &Present,
    now: Timestamp,
) -> Result<License, Rejected> {
    let wrong = |detail: String| Err(Refused::new(ErrorCode::WrongState, detail).into());
    if to.product != license.product {
        return Err(Invalid::new("/plan", "the plan is of another product").into());
    }
    license.living()?;
    if to.id == license.plan {
        return match license.scheduled {
            Some(_) => Ok(License { scheduled: None, updated_at: now, ..license.clone() }),
            None => wrong(format!("the license has the plan {} already", to.code)),
        };
    }
    if to.archived_at.is_some() {
        return wrong(format!("the plan {} is archived; choose another", to.code));
    }
    let changed = changed(license, from, to, now);
    if !change.force {
        check_use(&license.terms(), &changed.terms(), present)?;
    }
    match (change.at, license.expires_at) {
        (At::Now, _) => {
            check_dates(&changed)?;
            bindings::normalize(&changed.bindings, &license.bindings, &changed.terms().policy)?;
            Ok(changed.raised(now))
        }
        (At::PeriodEnd, Some(at)) if at > now => {
            let scheduled = Some(ScheduledChange { plan: to.id, at });
            Ok(License { scheduled, updated_at: now, ..license.clone() })
        }
        (At::PeriodEnd, _) => {
            Err(Invalid::new("/at", "the license has no period that ends in the future; change it now")
                .into())
        }
    }
}

/// The license after its scheduled change, once that is due; `to` is the plan that it names, `from` the present
/// one. A change that was agreed on is not refused for present use any more.
pub fn due_change(license: &License, from: &Plan, to: &Plan, now: Timestamp) -> Option<License> {
    let due =
        license.scheduled.as_ref().filter(|scheduled| scheduled.at <= now && scheduled.plan == to.id)?;
    license.living().ok()?;
    Some(changed(license, from, to, due.at).raised(now))
}

/// Copies the terms that the license's plan has now; nothing if they are the same, or the license is revoked.
pub fn apply_plan(license: &License, plan: &Plan, now: Timestamp) -> Option<License> {
    let granted = copied(plan, license);
    if license.living().is_err() || granted == license.granted {
        return None;
    }
    Some(License { granted, ..license.clone() }.raised(now))
}

/// Refuses a license whose terms were replaced by lower ones that are below what is in use.
///
/// # Errors
/// `below_present_use`, with what to reduce.
pub fn check_applied(before: &License, after: &License, present: &Present) -> Result<(), Refused> {
    check_use(&before.terms(), &after.terms(), present)
}

/// Whether the new terms are lower in something that can be in use, so that the use has to be known.
pub fn is_lowered(before: &License, after: &License) -> bool {
    let (old, new) = (before.terms(), after.terms());
    let lower = |new: Option<u64>, old: Option<u64>| new.is_some_and(|new| old.is_none_or(|old| new < old));
    lower(new.slots(), old.slots())
        || new.limits.keys().any(|name| lower(new.level(name.as_str()), old.level(name.as_str())))
}

/// The license with the other plan's terms. The type follows the plan unless it was chosen; a license that was
/// bought after a trial starts its period now, and one that becomes perpetual loses its end.
fn changed(license: &License, from: &Plan, to: &Plan, now: Timestamp) -> License {
    let follows = license.license_type == from.license_type;
    let license_type = if follows { to.license_type } else { license.license_type };
    let was = license.license_type;
    let present = (license.expires_at, license.kept_day);
    let full_term = || match to.terms.term.map(|term| term.end(now, None)) {
        Some((at, day)) => (Some(at), day),
        None => present,
    };
    let (expires_at, kept_day) = match license_type {
        _ if license.starts_at_first_activation => (None, None),
        LicenseType::Perpetual => (None, None),
        LicenseType::Trial if present.0.is_some() => present,
        LicenseType::Trial => full_term(),
        _ if matches!(was, LicenseType::Trial | LicenseType::Perpetual) => full_term(),
        _ => present,
    };
    License {
        plan: to.id,
        license_type,
        expires_at,
        kept_day,
        overrides: Arc::new(license.overrides.carried(&license.granted, &to.terms)),
        granted: copied(to, license),
        scheduled: None,
        ..license.clone()
    }
}

/// The plan's terms, in which the license's own length stays where the plan has none.
pub(super) fn copied(plan: &Plan, license: &License) -> Arc<Terms> {
    let term = plan.terms.term.or(license.granted.term);
    Arc::new(Terms { term, ..plan.terms.clone() })
}

/// Refuses new terms that are lower than the old ones and below what is in use, with what to reduce.
pub(super) fn check_use(old: &Terms, new: &Terms, present: &Present) -> Result<(), Refused> {
    let lowered = |new: Option<u64>, old: Option<u64>, used: u64| match (new, old) {
        (Some(new), old) if used > new && old.is_none_or(|old| new < old) => Some(new),
        _ => None,
    };
    let mut reduce = Vec::new();
    if let Some(max) = lowered(new.slots(), old.slots(), present.active) {
        let (active, over) = (present.active, present.active - max);
        reduce.push(format!("activations from {active} to {max} (deactivate or release {over})"));
    }
    for (name, used) in &present.levels {
        if let Some(max) = lowered(new.level(name.as_str()), old.level(name.as_str()), *used) {
            reduce.push(format!("{name} from {used} to {max}"));
        }
    }
    if reduce.is_empty() {
        return Ok(());
    }
    let detail =
        format!("more is in use than the new terms allow: reduce {}, or force it", reduce.join(" and "));
    Err(Refused::new(ErrorCode::BelowPresentUse, detail))
}
