use std::sync::Arc;

use kaching_base::{ErrorCode, Timestamp};
use kaching_db::Tx;
use kaching_domain::{
    Activation, License, Refused,
    activations::{
        Mover,
        activate::{self as rules, ActivateOutcome, Decision},
        known_levels,
    },
    quotas,
};
use kaching_license::Credential;
use serde_json::json;

use super::{
    Activate, Activated, Answer, Proof,
    decided::{Decided, Denied, advise, audit_refusal},
    record::{self, AuditAction},
    slots, sql,
};
use crate::{
    Authority, Cx, Error, Op, Result,
    audit::{self, Entry},
    daily::{self, Charged, DailyCount},
    entitlement::{self, Entitlement, EntitlementCache},
    licenses,
    statements::after_commit,
    status::no_license,
};

/// A committed activation whose lease has to be signed.
struct Bound {
    entitlement: Entitlement,
    decision: Decision,
    /// Whether the installation is new and no other one moved to it.
    first: bool,
    warnings: Vec<String>,
    jti: [u8; 16],
}

impl Authority {
    /// Activates an installation, or finds that it is active already.
    ///
    /// # Errors
    /// `license_not_found`, `activation_not_found` for a move from an unknown activation, `rate_limited`.
    pub async fn activate(&self, cx: Cx, ask: Activate) -> Result<Answer<Activated>> {
        let keys = self.keys();
        let no_keyset = || Error::Failure("there is no keyset: the root has to sign one".to_owned());
        let keyset = keys.keysets.first().cloned().ok_or_else(no_keyset)?;
        let (lookup, request, fingerprint) = (keys.lookup(&ask.key), ask.request, ask.fingerprint.clone());
        let entitlements = Arc::clone(&self.entitlements);
        let decided = self
            .write("activations.activate", cx, move |tx, op| {
                let entitlement = lock(tx, op, &entitlements, &lookup)?;
                bind(tx, op, entitlement, &ask)
            })
            .await?;
        let Bound { entitlement, decision, first, warnings, jti } = match decided {
            Decided::Granted(bound) => bound,
            Decided::Refused(denied) => return self.deny(*denied, request),
        };
        let activation = Activation { fingerprint, ..decision.activation };
        let lease = self
            .sign_lease(&entitlement, &activation, decision.times, jti, request)
            .await
            .map_err(after_commit)?;
        let generation = activation.credential.generation.unsigned_abs();
        Ok(Answer::Granted(Activated {
            created: decision.outcome == ActivateOutcome::Created,
            first,
            lease,
            credential: Credential::derive(keys.credential_key(), activation.id, generation).text(),
            quotas: quotas(&entitlement.terms, entitlement.license.active.unsigned_abs(), &activation.levels),
            keyset,
            warnings,
            activation,
        }))
    }
}

/// Returns the entitlement of a key, its license locked for update and a change that is due applied.
fn lock(
    tx: &mut Tx<'_>,
    op: &mut Op,
    entitlements: &EntitlementCache,
    lookup: &[u8; 32],
) -> Result<Entitlement> {
    let (version, catalogue) =
        entitlement::sql::lock_versions_by_key(tx, lookup, op.now)?.ok_or_else(no_license)?;
    let cached = entitlements.get(tx, version, catalogue)?.ok_or_else(no_license)?;
    // A row that will be written as a whole is read as a whole, not taken from the cache.
    if cached.license.scheduled.is_some() || cached.license.starts_at_first_activation {
        let license = licenses::sql::by_id(tx, version.license)?.ok_or_else(no_license)?;
        let license = licenses::apply_due(tx, op, license)?;
        return Entitlement::of(tx, license);
    }
    let license = License { active: version.active, ..cached.license.clone() };
    Ok(Entitlement::new(license, Arc::clone(&cached.names), catalogue))
}

fn bind(
    tx: &mut Tx<'_>,
    op: &mut Op,
    mut entitlement: Entitlement,
    ask: &Activate,
) -> Result<Decided<Bound>> {
    let jti = op.random();
    op.charge(&entitlement.license);
    let license = &entitlement.license;
    let (levels, warnings) = known_levels(&entitlement.terms.limits, &ask.levels);
    let request = rules::ActivateRequest {
        product: ask.product.clone(),
        fingerprint: ask.fingerprint.clone(),
        kind: ask.kind,
        name: ask.name.clone(),
        version: ask.version.clone(),
        levels,
        nonce: ask.nonce.clone(),
        address: op.cx.address.map(|address| address.to_string()),
    };
    let present = sql::lock_by_fingerprint(tx, license.id, &request.fingerprint)?;
    let moving = moving(tx, license, ask, op.now)?;
    let slots = slots::count(tx, op, license, present.as_ref())?;
    let full = license.slots().is_some_and(|max| slots.held >= max);
    let holders = if full || moving.is_some() { slots::holders(tx, op, license)? } else { Vec::new() };
    let situation = rules::ActivateContext {
        license,
        product: &entitlement.names.product,
        nonce_seen: match &present {
            Some(present) => sql::activated_by(tx, present, &request.nonce, op.now)?,
            None => false,
        },
        present: present.as_ref(),
        moving: moving.as_ref().map(|(from, mover)| (from, *mover)),
        held: slots.held,
        holders: &holders,
        in_grace: &if moving.is_some() { sql::in_grace(tx, license.id, op.now)? } else { Vec::new() },
        moves: &if moving.is_some() { sql::moves(tx, license.id, op.now)? } else { Vec::new() },
        new_id: op.id(),
        now: op.now,
    };
    match rules::activate(&request, &situation) {
        Ok(decision) if is_new(present.as_ref(), &decision) && !ask.admits_new => Err(too_many()),
        Ok(decision) => {
            let first = is_new(present.as_ref(), &decision);
            count(tx, op, license, &decision)?;
            let how = moving.as_ref().map_or("", |(_, mover)| word(*mover));
            let action = AuditAction { action: "activation.activate", mover: how };
            entitlement.license =
                record::decision(tx, op, &action, license, slots.counted, present.as_ref(), &decision)?;
            Ok(Decided::Granted(Bound { entitlement, decision, first, warnings, jti }))
        }
        // A late duplicate: it changes nothing and leaves nothing.
        Err(refused) if refused.code == ErrorCode::CredentialInvalid => {
            Err(Error::coded(refused.code, refused.detail))
        }
        Err(refused) => {
            if slots.counted != license.active {
                licenses::sql::set_active(tx, license.id, slots.counted)?;
            }
            let refused = refuse(tx, op, &entitlement, &request, present.as_ref(), refused)?;
            let act = present.map(|present| present.id);
            Ok(Decided::Refused(Box::new(Denied { entitlement, act, refused, now: op.now })))
        }
    }
}

/// Counts an activation against the limit of the day, which bounds the entries and credentials that activations leave.
/// The last one within the limit leaves an entry that says so.
fn count(tx: &mut Tx<'_>, op: &mut Op, license: &License, decision: &Decision) -> Result<()> {
    if decision.outcome == ActivateOutcome::Repeated {
        return Ok(());
    }
    let detail = "the license was activated as often as it may be in a day (UTC)";
    if op.daily.admit(tx, Charged::to(license), DailyCount::Activations, detail, op.now)? {
        let change = json!({ "until": op.now + daily::until_tomorrow(op.now) });
        let license = license.id.to_string();
        audit::append(tx, op, "license.activations_limited", Some(license), Entry::ok(change))?;
    }
    Ok(())
}

/// Whether the license never had this installation, and no other one moved to it.
fn is_new(present: Option<&Activation>, decision: &Decision) -> bool {
    present.is_none() && decision.superseded.is_none()
}

fn refuse(
    tx: &mut Tx<'_>,
    op: &mut Op,
    entitlement: &Entitlement,
    request: &rules::ActivateRequest,
    present: Option<&Activation>,
    refused: Refused,
) -> Result<Refused> {
    let last = present.map(|present| (present.id, present.refused));
    audit_refusal(tx, op, &entitlement.license, request, last, &refused)?;
    if let Some(present) = present.filter(|present| present.refused != Some(refused.code)) {
        sql::set_refused(tx, present.id, refused.code)?;
    }
    advise(tx, entitlement, refused)
}

/// Returns the activation that is to move here, and who asks for it.
fn moving(
    tx: &mut Tx<'_>,
    license: &License,
    ask: &Activate,
    now: Timestamp,
) -> Result<Option<(Activation, Mover)>> {
    let Some(id) = ask.moves_from else { return Ok(None) };
    let from = sql::lock_by_id(tx, id)?.filter(|from| from.license == license.id);
    let from = from.ok_or_else(|| {
        Error::coded(ErrorCode::ActivationNotFound, "The license has no such activation to take over.")
    })?;
    let shown = ask.proof.as_ref().is_some_and(|proof: &Proof| proof.is_present(&from));
    let mover = if shown { Mover::with_credential(&from, now) } else { Mover::Key };
    Ok(Some((from, mover)))
}

/// Returns the error for a new installation that comes too soon after others. Nothing is written.
fn too_many() -> Error {
    let detail = "Too many new installations of this license came lately: this one has to wait.";
    Error::coded(ErrorCode::RateLimited, detail)
}

/// Returns the word for a mover in audit entries.
pub(super) fn word(mover: Mover) -> &'static str {
    match mover {
        Mover::Holder => "holder",
        Mover::Operator => "operator",
        Mover::Key => "key",
    }
}
