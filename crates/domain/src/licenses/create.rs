use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kaching_base::{Code, CustomerId, LicenseId, LicenseType, Limits, Timestamp};

use super::{bindings, dates};
use crate::{
    Binding, EditPolicy, Invalid, License, Overrides, Plan, Refused, Rejected, Status, check_metadata,
    check_notes, check_tags, terms::check_days,
};

/// What is said of a license when it is made; the rest comes from the plan.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The plan's unless said otherwise.
    pub license_type: Option<LicenseType>,
    /// Days from the start, in place of the plan's; not together with `expires_at`.
    pub days: Option<i64>,
    pub expires_at: Option<Timestamp>,
    /// Now unless said otherwise.
    pub starts_at: Option<Timestamp>,
    /// The first activation sets both dates.
    pub starts_at_first_activation: bool,
    /// Beside those of the plan.
    pub features: BTreeSet<Code>,
    /// In place of the plan's of the same name.
    pub limits: Limits,
    /// In place of the plan's members.
    pub policy: EditPolicy,
    pub bindings: Vec<Binding>,
    pub tags: BTreeSet<String>,
    pub notes: String,
    pub metadata: BTreeMap<String, String>,
}

/// A new license with the terms of this plan, whose product has these features.
///
/// # Errors
/// If the plan is archived, or what is said makes no sense.
pub fn create(
    id: LicenseId,
    customer: CustomerId,
    plan: &Plan,
    known: &BTreeSet<Code>,
    draft: &Draft,
    now: Timestamp,
) -> Result<License, Rejected> {
    if plan.archived_at.is_some() {
        let detail = format!("the plan {} is archived; choose another", plan.code);
        return Err(Refused::new(kaching_base::ErrorCode::WrongState, detail).into());
    }
    check_tags(&draft.tags)?;
    check_notes(&draft.notes)?;
    check_metadata(&draft.metadata)?;
    let license_type = draft.license_type.unwrap_or(plan.license_type);
    let (starts_at, expires_at, days) = period(license_type, plan, draft, now)?;

    let mut granted = plan.terms.clone();
    let mut effective = granted.clone();
    effective.features.extend(draft.features.iter().cloned());
    effective.limits.extend(draft.limits.iter().map(|(name, limit)| (name.clone(), *limit)));
    effective.policy = draft.policy.of(&granted.policy);
    effective.check(known)?;
    let overrides = Overrides::between(&granted, &effective);
    // The days said here are those of the first period, whenever it starts.
    granted.term_days = days.or(granted.term_days);

    let license = License {
        id,
        product: plan.product,
        customer,
        plan: plan.id,
        license_type,
        status: Status::Active,
        revision: 1,
        starts_at,
        expires_at,
        starts_at_first_activation: draft.starts_at_first_activation,
        bindings: bindings::normalize(&draft.bindings, &[], &effective.policy)?,
        granted: Arc::new(granted),
        overrides: Arc::new(overrides),
        tags: draft.tags.clone(),
        notes: draft.notes.clone(),
        metadata: draft.metadata.clone(),
        suspended_reason: None,
        scheduled: None,
        active: 0,
        created_at: now,
        updated_at: now,
        archived_at: None,
    };
    dates::check_dates(&license)?;
    Ok(license)
}

/// The dates, and the days of the period.
type Period = (Option<Timestamp>, Option<Timestamp>, Option<i64>);

fn period(kind: LicenseType, plan: &Plan, draft: &Draft, now: Timestamp) -> Result<Period, Invalid> {
    let perpetual = kind == LicenseType::Perpetual;
    if let Some(days) = draft.days {
        check_days("/days", days)?;
    }
    match draft {
        Draft { days: Some(_), .. } if perpetual => {
            return Err(Invalid::new(
                "/days",
                "a perpetual license has no end; give another type or no days",
            ));
        }
        Draft { days: Some(_), expires_at: Some(_), .. } => {
            return Err(Invalid::new("/days", "give days or an end date, not both"));
        }
        _ => {}
    }
    let days = draft.days.or(plan.terms.term_days).filter(|_| !perpetual);
    let no_end = || {
        let detail =
            format!("the plan {} has no term: give days or an end date, or the type perpetual", plan.code);
        Invalid::new("/days", detail)
    };
    if draft.starts_at_first_activation {
        if draft.starts_at.is_some() || draft.expires_at.is_some() {
            let pointer = if draft.starts_at.is_some() { "/starts_at" } else { "/expires_at" };
            return Err(Invalid::new(pointer, "the first activation sets the dates: give days, and no date"));
        }
        return if perpetual || days.is_some() { Ok((None, None, days)) } else { Err(no_end()) };
    }
    let starts = draft.starts_at.unwrap_or(now);
    let expires = match (draft.expires_at, days) {
        (Some(at), _) => Some(at),
        (None, Some(days)) => Some(dates::days_later("/days", starts, days)?),
        (None, None) if perpetual => None,
        (None, None) => return Err(no_end()),
    };
    if expires.is_some_and(|at| at <= now) {
        let pointer = if draft.expires_at.is_some() { "/expires_at" } else { "/starts_at" };
        return Err(Invalid::new(pointer, "the license would have ended already: its end is in the past"));
    }
    Ok((Some(starts), expires, draft.days))
}
