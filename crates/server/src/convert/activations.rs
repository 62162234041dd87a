use kaching_api as api;
use kaching_authority::domain::{Activation, ActivationStatus, Quota};

pub(crate) fn activation(activation: &Activation) -> api::Activation {
    let a = activation.clone();
    api::Activation {
        id: a.id,
        license: a.license,
        kind: a.kind,
        fingerprint: a.fingerprint.as_str().to_owned(),
        name: a.name,
        status: match a.status {
            ActivationStatus::Active => api::ActivationStatus::Active,
            ActivationStatus::Lapsed => api::ActivationStatus::Lapsed,
            ActivationStatus::Deactivated => api::ActivationStatus::Deactivated,
            ActivationStatus::Superseded => api::ActivationStatus::Superseded,
            ActivationStatus::Released => api::ActivationStatus::Released,
        },
        version: a.version,
        activated_at: a.activated_at,
        last_seen_at: a.last_seen_at,
        lapses_at: activation.lapses_at(),
        address: a.address,
        levels: a.levels,
    }
}

/// Converts an activation; the address that it calls from only if the caller may see personal data.
pub(crate) fn activation_for(activation: &Activation, personal: bool) -> api::Activation {
    let shown = self::activation(activation);
    api::Activation { address: shown.address.filter(|_| personal), ..shown }
}

pub(crate) fn quota(quota: Quota) -> api::Quota {
    let Quota { name, kind, used, max, per, resets_at, state } = quota;
    api::Quota { name, kind: kind.to_owned(), used, max, per, resets_at, state }
}

pub(crate) fn activation_status_of(status: api::ActivationStatus) -> ActivationStatus {
    match status {
        api::ActivationStatus::Active => ActivationStatus::Active,
        api::ActivationStatus::Lapsed => ActivationStatus::Lapsed,
        api::ActivationStatus::Deactivated => ActivationStatus::Deactivated,
        api::ActivationStatus::Superseded => ActivationStatus::Superseded,
        api::ActivationStatus::Released => ActivationStatus::Released,
    }
}
