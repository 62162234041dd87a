use kaching_base::Timestamp;
use kaching_domain::{
    Activation,
    activations::{
        Displaced,
        credential::Verdict,
        heartbeat::{self as rules, HeartbeatOutcome},
        known_levels,
    },
};
use kaching_license::Digest;

use super::super::{
    Health, Heartbeat, ReportedHealth,
    usage::{self, UsageReport},
};
use crate::entitlement::Entitlement;

/// The rows that decide a heartbeat, read under the lock of its activation.
pub(super) struct HeartbeatInputs<'a> {
    pub(super) entitlement: &'a Entitlement,
    pub(super) activation: &'a Activation,
    /// The health that is stored.
    pub(super) health: Option<&'a ReportedHealth>,
    /// Whether the client names its domain by another spelling that belongs to the activation.
    pub(super) is_spelled: bool,
    /// The generation that the credential shows, where a later one has displaced it.
    pub(super) displaced: Option<&'a Displaced>,
    pub(super) license_locked: bool,
    /// Whether a lapsed activation can have a slot; `None` where the license is not locked.
    pub(super) free_slot: Option<bool>,
    pub(super) now: Timestamp,
}

/// The decision about a heartbeat, and everything that has to be written with it.
pub(super) struct HeartbeatDecision {
    pub(super) outcome: HeartbeatOutcome,
    /// The reported health, where it is to be stored.
    pub(super) health: Option<HealthUpdate>,
    pub(super) usage: UsageReport,
    pub(super) warnings: Vec<String>,
}

/// A health that differs from the stored one.
pub(super) struct HealthUpdate {
    pub(super) health: ReportedHealth,
    /// Whether its status is another as well, which leaves an audit entry.
    pub(super) status_changed: bool,
}

/// Returns the generation that a heartbeat's credential shows.
pub(super) fn generation(heartbeat: &Heartbeat) -> i64 {
    i64::try_from(heartbeat.proof.authorization.generation).unwrap_or(i64::MAX)
}

/// Decides a heartbeat, in a batch and alone.
pub(super) fn decide(
    heartbeat: &Heartbeat,
    address: Option<String>,
    inputs: &HeartbeatInputs<'_>,
) -> HeartbeatDecision {
    let HeartbeatInputs { entitlement, activation, now, .. } = *inputs;
    let (levels, mut warnings) = match &heartbeat.levels {
        Some(levels) => known_levels(&entitlement.terms.limits, levels),
        None => Default::default(),
    };
    let request = rules::HeartbeatRequest {
        generation: generation(heartbeat),
        number: i64::try_from(heartbeat.proof.authorization.number).unwrap_or(i64::MAX),
        nonce: heartbeat.nonce.clone(),
        own_fingerprint: inputs.is_spelled || Digest::of(activation.fingerprint.as_str()) == heartbeat.fpr,
        version: heartbeat.version.clone(),
        levels,
        address,
    };
    let is_due = entitlement.license.scheduled.as_ref().is_some_and(|change| change.at <= now);
    let outcome = match is_due && !inputs.license_locked {
        // The change is applied first, under the license's lock.
        true => HeartbeatOutcome::NeedsSlot,
        false => rules::heartbeat(
            &request,
            &rules::HeartbeatContext {
                license: &entitlement.license,
                product: &entitlement.names.product,
                activation,
                displaced: inputs.displaced,
                free_slot: inputs.free_slot,
                now,
            },
        ),
    };
    let advances =
        matches!(&outcome, HeartbeatOutcome::Answered(answered) if answered.verdict == Verdict::Advances);
    let (increments, ignored) = usage::accept(&entitlement.terms.limits, &heartbeat.usage);
    let usage = UsageReport {
        activation: activation.id,
        generation: request.generation,
        number: request.number,
        may_repeat: !advances,
        increments,
    };
    warnings.extend(ignored);
    HeartbeatDecision { health: health(heartbeat, inputs, &outcome), outcome, usage, warnings }
}

/// Returns the health to be stored: that of the next heartbeat in order, where it is granted.
fn health(
    heartbeat: &Heartbeat,
    inputs: &HeartbeatInputs<'_>,
    outcome: &HeartbeatOutcome,
) -> Option<HealthUpdate> {
    let HeartbeatOutcome::Answered(answered) = outcome else { return None };
    let is_new = answered.verdict == Verdict::Advances && answered.answer.is_ok();
    let Health { status, detail } = heartbeat.health.as_ref().filter(|_| is_new)?.clone();
    let stored = inputs.health.filter(|stored| stored.status == status);
    if stored.is_some_and(|stored| stored.detail == detail) {
        return None;
    }
    let since = stored.map_or(Some(inputs.now), |stored| stored.since);
    Some(HealthUpdate { health: ReportedHealth { status, detail, since }, status_changed: stored.is_none() })
}

impl HeartbeatDecision {
    /// Returns whether a batch can write all of it: a lease is granted, only times, usage and the details of
    /// health change, and no audit entry is due.
    pub(super) fn fits_batch(&self, before: &Activation) -> bool {
        let HeartbeatOutcome::Answered(answered) = &self.outcome else { return false };
        let is_audited = self.health.as_ref().is_some_and(|update| update.status_changed);
        let is_plain = answered.answer.is_ok()
            && moves_only(before, &answered.activation)
            && !answered.remembered.differs_from(before)
            && !answered.remembered.sighting;
        is_plain && !is_audited
    }
}

/// Whether nothing changed but the columns that every heartbeat writes.
pub(super) fn moves_only(before: &Activation, after: &Activation) -> bool {
    // Each field is named, so that a new one has to be decided on here.
    let Activation {
        credential: _,
        last_seen_at: _,
        run_until: _,
        refused: _,
        id,
        license,
        fingerprint,
        kind,
        name,
        version,
        status,
        activated_at,
        move_ends_at,
        moved_generation,
        displaced_until,
        address,
        levels,
        suspicion,
    } = after;
    (id, license, fingerprint, kind) == (&before.id, &before.license, &before.fingerprint, &before.kind)
        && (name, version, status) == (&before.name, &before.version, &before.status)
        && (activated_at, move_ends_at) == (&before.activated_at, &before.move_ends_at)
        && (moved_generation, displaced_until) == (&before.moved_generation, &before.displaced_until)
        && (address, levels, suspicion) == (&before.address, &before.levels, &before.suspicion)
}
