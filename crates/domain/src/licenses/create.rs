use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kaching_base::{Code, CustomerId, LicenseId, LicenseType, Limits, Term, Timestamp};

use super::{bindings, dates};
use crate::{
    Binding, EditPolicy, Invalid, License, Overrides, Plan, Refused, Rejected, Status, check_metadata,
    check_notes, check_tags,
};

/// The given members of a new license; the others come from the plan.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The plan's unless said otherwise.
    pub license_type: Option<LicenseType>,
    /// From the start, in place of the plan's; not together with `expires_at`.
    pub term: Option<Term>,
    pub expires_at: Option<Timestamp>,
    /// Now unless said otherwise.
    pub starts_at: Option<Timestamp>,
    /// The first activation sets both dates.
    pub starts_at_first_activation: bool,
    /// In addition to those of the plan.
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
    let Period { starts_at, expires_at, kept_day, term } = period(license_type, plan, draft, now)?;

    let mut granted = plan.terms.clone();
    let mut effective = granted.clone();
    effective.features.extend(draft.features.iter().cloned());
    effective.limits.extend(draft.limits.iter().map(|(name, limit)| (name.clone(), *limit)));
    effective.policy = draft.policy.of(&granted.policy);
    effective.check(known)?;
    let overrides = Overrides::between(&granted, &effective);
    // The term said here is that of the first period, whenever it starts.
    granted.term = term.or(granted.term);

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
        kept_day,
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

/// The dates, and the term that they come of where it is the license's own.
#[derive(Default)]
struct Period {
    starts_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    kept_day: Option<u8>,
    term: Option<Term>,
}

fn period(kind: LicenseType, plan: &Plan, draft: &Draft, now: Timestamp) -> Result<Period, Invalid> {
    let perpetual = kind == LicenseType::Perpetual;
    match draft {
        Draft { term: Some(term), .. } if perpetual => {
            let detail = "a perpetual license has no end; give another type or no term";
            return Err(Invalid::new(dates::pointer(*term), detail));
        }
        Draft { term: Some(term), expires_at: Some(_), .. } => {
            return Err(Invalid::new(dates::pointer(*term), "give a term or an end date, not both"));
        }
        _ => {}
    }
    let term = draft.term.or(plan.terms.term).filter(|_| !perpetual);
    let no_end = || {
        let detail =
            format!("the plan {} has no term: give one or an end date, or the type perpetual", plan.code);
        Invalid::new("/days", detail)
    };
    if draft.starts_at_first_activation {
        if draft.starts_at.is_some() || draft.expires_at.is_some() {
            let pointer = if draft.starts_at.is_some() { "/starts_at" } else { "/expires_at" };
            let detail = "the first activation sets the dates: give a term, and no date";
            return Err(Invalid::new(pointer, detail));
        }
        return match perpetual || term.is_some() {
            true => Ok(Period { term, ..Period::default() }),
            false => Err(no_end()),
        };
    }
    let starts = draft.starts_at.unwrap_or(now);
    let (expires_at, kept_day) = match (draft.expires_at, term) {
        (Some(at), _) => (Some(at), None),
        (None, Some(term)) => {
            let (at, day) = dates::end_of(term, starts, None)?;
            (Some(at), day)
        }
        (None, None) if perpetual => (None, None),
        (None, None) => return Err(no_end()),
    };
    if expires_at.is_some_and(|at| at <= now) {
        let pointer = if draft.expires_at.is_some() { "/expires_at" } else { "/starts_at" };
        return Err(Invalid::new(pointer, "the license would have ended already: its end is in the past"));
    }
    Ok(Period { starts_at: Some(starts), expires_at, kept_day, term: draft.term })
}
