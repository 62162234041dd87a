use kaching_api as api;
use kaching_authority::{
    Applied, CreatedBatch, LicenseDetails, RevealedKey,
    domain::{Binding, State, Status, TermsChange},
    status::ProductLicense,
};
use kaching_base::{ActivationId, ErrorCode};

use crate::problem::{Rejected, Result};

pub(crate) fn license(details: &LicenseDetails) -> api::License {
    let LicenseDetails { license, product, plan, scheduled_plan, key, used_slots, change, now } = details;
    let (l, terms) = (license.clone(), license.terms());
    api::License {
        id: l.id,
        key: key.as_ref().map(|key| api::SecretText::new(key.expose().to_owned())),
        customer: l.customer,
        product: product.clone(),
        plan: plan.clone(),
        kind: l.license_type,
        status: status(l.status),
        state: state(l.state(*now)),
        revision: l.revision.unsigned_abs(),
        starts_at: l.starts_at,
        expires_at: l.expires_at,
        features: terms.features.clone(),
        limits: terms.limits.clone(),
        used_slots: *used_slots,
        lease_policy: terms.policy.clone(),
        bindings: l.bindings.into_iter().map(binding).collect(),
        tags: l.tags,
        notes: l.notes,
        metadata: l.metadata,
        suspended_reason: l.suspended_reason,
        scheduled: scheduled_plan
            .clone()
            .zip(l.scheduled)
            .map(|(plan, change)| api::Scheduled { plan, at: change.at }),
        created_at: l.created_at,
        updated_at: l.updated_at,
        archived_at: l.archived_at,
        changed: change.clone().map(terms_change),
    }
}

fn terms_change(change: TermsChange) -> api::TermsChange {
    let changed = change.limits_changed.into_iter();
    api::TermsChange {
        features: api::FeaturesChange { added: change.features_added, removed: change.features_removed },
        limits: api::LimitsChange {
            added: change.limits_added,
            removed: change.limits_removed,
            changed: changed.map(|(name, (from, to))| (name, api::LimitChange { from, to })).collect(),
        },
        lease_policy: change.policy.into_iter().map(str::to_owned).collect(),
    }
}

pub(crate) fn revealed_key(revealed: &RevealedKey) -> api::LicenseKeyAnswer {
    api::LicenseKeyAnswer {
        id: revealed.license,
        key: api::SecretText::new(revealed.key.expose().to_owned()),
    }
}

pub(crate) fn license_batch(created: &CreatedBatch) -> api::LicenseBatch {
    api::LicenseBatch { tags: created.tags.clone(), items: created.keys.iter().map(revealed_key).collect() }
}

pub(crate) fn applied(applied: &Applied) -> api::ApplyAnswer {
    let change = |(change, licenses): &(TermsChange, u64)| api::AppliedChange {
        licenses: *licenses,
        terms: terms_change(change.clone()),
    };
    api::ApplyAnswer { licenses: applied.licenses, changes: applied.changes.iter().map(change).collect() }
}

pub(crate) fn activation_id(address: &str) -> Result<ActivationId> {
    address.parse().map_err(|_| Rejected::new(ErrorCode::NotFound, "there is no activation with this id"))
}

pub(crate) fn binding_of(binding: api::Binding) -> Binding {
    Binding { kind: binding.kind, value: binding.value }
}

pub(crate) fn status_of(status: api::LicenseStatus) -> Status {
    match status {
        api::LicenseStatus::Active => Status::Active,
        api::LicenseStatus::Suspended => Status::Suspended,
        api::LicenseStatus::Revoked => Status::Revoked,
    }
}

pub(crate) fn state_of(state: api::LicenseState) -> State {
    match state {
        api::LicenseState::NotYetValid => State::NotYetValid,
        api::LicenseState::Active => State::Active,
        api::LicenseState::InGrace => State::InGrace,
        api::LicenseState::Expired => State::Expired,
        api::LicenseState::Suspended => State::Suspended,
        api::LicenseState::Revoked => State::Revoked,
    }
}

pub(crate) fn product_license(found: ProductLicense) -> api::ProductLicense {
    let ProductLicense { license, terms, product, plan, state } = found;
    api::ProductLicense {
        id: license.id,
        product,
        plan,
        kind: license.license_type,
        status: status(license.status),
        state: self::state(state),
        revision: license.revision.unsigned_abs(),
        starts_at: license.starts_at,
        expires_at: license.expires_at,
        features: terms.features.clone(),
        limits: terms.limits.clone(),
        lease_policy: terms.policy.clone(),
        bindings: license.bindings.into_iter().map(binding).collect(),
        created_at: license.created_at,
        updated_at: license.updated_at,
    }
}

fn binding(binding: Binding) -> api::Binding {
    api::Binding { kind: binding.kind, value: binding.value }
}

fn status(status: Status) -> api::LicenseStatus {
    match status {
        Status::Active => api::LicenseStatus::Active,
        Status::Suspended => api::LicenseStatus::Suspended,
        Status::Revoked => api::LicenseStatus::Revoked,
    }
}

fn state(state: State) -> api::LicenseState {
    match state {
        State::NotYetValid => api::LicenseState::NotYetValid,
        State::Active => api::LicenseState::Active,
        State::InGrace => api::LicenseState::InGrace,
        State::Expired => api::LicenseState::Expired,
        State::Suspended => api::LicenseState::Suspended,
        State::Revoked => api::LicenseState::Revoked,
    }
}
