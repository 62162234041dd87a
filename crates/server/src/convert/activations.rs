use kaching_api as api;
use kaching_authority::{
    activations::{ActivationDetails, ReportedHealth},
    domain::{Activation, ActivationStatus, Quota},
};

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
        health: None,
    }
}

/// Converts an activation for operators; the address that it calls from only if the caller may see personal data.
pub(crate) fn activation_for(details: &ActivationDetails, personal: bool) -> api::Activation {
    let shown = activation(&details.activation);
    let health = details.health.as_ref().and_then(reported_health);
    api::Activation { address: shown.address.filter(|_| personal), health, ..shown }
}

fn reported_health(health: &ReportedHealth) -> Option<api::ReportedHealth> {
    let ReportedHealth { status, detail, since } = health.clone();
    Some(api::ReportedHealth { status: health_status_of(&status)?, detail, since })
}

/// Returns the word by which the authority knows a status.
pub(crate) fn health_word(status: api::HealthStatus) -> &'static str {
    match status {
        api::HealthStatus::Ok => "ok",
        api::HealthStatus::Degraded => "degraded",
        api::HealthStatus::Down => "down",
    }
}

fn health_status_of(word: &str) -> Option<api::HealthStatus> {
    use api::HealthStatus::{Degraded, Down, Ok};
    [Ok, Degraded, Down].into_iter().find(|status| health_word(*status) == word)
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
