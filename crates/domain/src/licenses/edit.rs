use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kaching_base::{Code, LicenseType, Limit, Timestamp};

use super::{
    Present, bindings,
    change_plan::check_use,
    dates::{check_dates, set_term},
};
use crate::{
    Binding, EditList, EditPolicy, Invalid, License, Overrides, Rejected, Terms, check_metadata, check_notes,
    check_tags,
};

/// The changed members of a license; the others stay.
#[derive(Clone, Debug, Default)]
pub struct EditLicense {
    pub license_type: Option<LicenseType>,
    pub starts_at: Option<Timestamp>,
    /// `Some(None)` makes it perpetual.
    pub expires_at: Option<Option<Timestamp>>,
    /// The features that are on.
    pub features: Option<EditList<Code>>,
    /// Limits to set; a `None` inside restores the limit of the plan.
    pub limits: BTreeMap<Code, Option<Limit>>,
    pub policy: EditPolicy,
    pub bindings: Option<EditList<Binding>>,
    pub tags: Option<EditList<String>>,
    pub notes: Option<String>,
    /// Entries to set; nothing inside takes one away.
    pub metadata: BTreeMap<String, Option<String>>,
    /// Also below present use.
    pub force: bool,
}

/// The license with what is said; its revision is raised if a lease must reflect it. Features are those of
/// `known`. What is said is effective, and kept as what differs from the granted terms.
///
/// # Errors
/// If it makes no sense, the license is revoked and more than tags, notes and metadata change, or the new limits
/// are below present use.
pub fn edit(
    license: &License,
    known: &BTreeSet<Code>,
    edit: &EditLicense,
    present: &Present,
    now: Timestamp,
) -> Result<License, Rejected> {
    let mut edited = license.clone();
    label(&mut edited, edit)?;
    date(&mut edited, edit, now)?;
    let old = license.terms();
    let mut terms = Terms::clone(&old);
    if let Some(features) = &edit.features {
        terms.features = features.of(&terms.features);
    }
    Overrides::set_limits(&license.granted, &mut terms, &edit.limits);
    terms.policy = edit.policy.of(&terms.policy);
    if terms != *old {
        terms.check(known)?;
        edited.overrides = Arc::new(Overrides::between(&license.granted, &terms));
    }
    if edit.bindings.is_some() || terms.policy.kinds != old.policy.kinds {
        edited.bindings = bindings::edited(&edited.bindings, edit.bindings.as_ref(), &terms.policy)?;
    }
    if edited == *license {
        return Ok(edited);
    }
    if !reflected(license, &edited) {
        return Ok(License { updated_at: now, ..edited });
    }
    license.living()?;
    if !edit.force {
        check_use(&old, &terms, present)?;
    }
    Ok(edited.raised(now))
}

/// Whether the two differ in something that a lease carries.
fn reflected(a: &License, b: &License) -> bool {
    let carried = |l: &License| {
        let dates = (l.starts_at, l.expires_at, l.starts_at_first_activation);
        (l.license_type, dates, l.bindings.clone(), l.overrides.clone())
    };
    carried(a) != carried(b)
}

fn label(license: &mut License, edit: &EditLicense) -> Result<(), Invalid> {
    if let Some(tags) = &edit.tags {
        license.tags = tags.of(&license.tags);
        check_tags(&license.tags)?;
    }
    if let Some(notes) = &edit.notes {
        check_notes(notes)?;
        license.notes.clone_from(notes);
    }
    merge(&mut license.metadata, &edit.metadata);
    check_metadata(&license.metadata)
}

/// Sets entries, and takes those away that are given as nothing.
pub fn merge(metadata: &mut BTreeMap<String, String>, edits: &BTreeMap<String, Option<String>>) {
    for (key, value) in edits {
        match value {
            Some(value) => metadata.insert(key.clone(), value.clone()),
            None => metadata.remove(key),
        };
    }
}

fn date(license: &mut License, edit: &EditLicense, now: Timestamp) -> Result<(), Invalid> {
    license.license_type = edit.license_type.unwrap_or(license.license_type);
    if license.starts_at_first_activation && (edit.starts_at.is_some() || edit.expires_at.is_some()) {
        let starts = edit.starts_at.or(license.starts_at).unwrap_or(now);
        license.starts_at = Some(starts);
        license.starts_at_first_activation = false;
        set_term(license, starts);
    }
    if edit.starts_at.is_some() {
        license.starts_at = edit.starts_at;
    }
    match edit.expires_at {
        Some(Some(at)) if at <= now && license.expires_at != Some(at) => {
            return Err(Invalid::new(
                "/expires_at",
                "the end date is in the past; to stop a license, suspend or revoke it",
            ));
        }
        Some(end) if end == license.expires_at => {}
        Some(end) => (license.expires_at, license.kept_day) = (end, None),
        // A perpetual license has no end.
        None if edit.license_type == Some(LicenseType::Perpetual) => license.expires_at = None,
        None => {}
    }
    check_dates(license)
}
