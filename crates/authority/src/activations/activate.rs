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
    Activate, Activated, Answer, Grounds, Proof,
    decided::{Decided, Denied, advise, audit_refusal},
    slots, sql,
    store::{self, Deed},
};
use crate::{
    Authority, Cx, Error, Op, Result,
    audit::{self, Entry},
    daily::{self, Charged, DailyCount},
    licenses,
    statements::{Around, after_commit},
    status::no_license,
};

/// What was committed, to be signed.
struct Bound {
    around: Around,
    decision: Decision,
    /// Whether it is a new installation, in nobody's place.
    first: bool,
    warnings: Vec<String>,
    jti: [u8; 16],
}

impl Authority {
    /// Binds a license to an installation, or finds that it already is.
    ///
    /// # Errors
    /// `license_not_found`, `activation_not_found` for a takeover of nothing, `rate_limited`.
    pub async fn activate(&self, cx: Cx, ask: Activate) -> Result<Answer<Activated>> {
        let keys = self.keys();
        let no_keyset = || Error::Failure("there is no keyset: the root has to sign one".to_owned());
        let keyset = keys.keysets.first().cloned().ok_or_else(no_keyset)?;
        let (lookup, request, told) = (keys.lookup(&ask.key), ask.request, ask.fingerprint.clone());
        let grounds = Arc::clone(&self.grounds);
        let decided = self
            .write("activations.activate", cx, move |tx, op| {
                let around = lock(tx, op, &grounds, &lookup)?;
                bind(tx, op, around, &ask)
            })
            .await?;
        let Bound { around, decision, first, warnings, jti } = match decided {
            Decided::Granted(bound) => bound,
            Decided::Refused(denied) => return self.deny(*denied, request),
        };
        let activation = Activation { fingerprint: told, ..decision.activation };
        let lease = self
            .sign_lease(&around, &activation, decision.times, jti, request)
            .await
            .map_err(after_commit)?;
        let generation = activation.credential.generation.unsigned_abs();
        Ok(Answer::Granted(Activated {
            created: decision.outcome == ActivateOutcome::Created,
            first,
            lease,
            credential: Credential::derive(keys.credential_key(), activation.id, generation).text(),
            quotas: quotas(&around.terms, around.license.active.unsigned_abs(), &activation.levels),
            keyset,
            warnings,
            activation,
        }))
    }
}

/// The license of a key, locked, after a change that is due.
fn lock(tx: &mut Tx<'_>, op: &mut Op, grounds: &Grounds, lookup: &[u8; 32]) -> Result<Around> {
    let (seen, stamp) = licenses::sql::lock_seen_by_key(tx, lookup, op.now)?.ok_or_else(no_license)?;
    let known = grounds.around_one(tx, seen, stamp)?.ok_or_else(no_license)?;
    // A row that is going to be written as a whole is read as a whole, not taken from memory.
    if known.license.scheduled.is_some() || known.license.starts_at_first_activation {
        let license = licenses::sql::by_id(tx, seen.license)?.ok_or_else(no_license)?;
        let license = licenses::apply_due(tx, op, license)?;
        return Around::read(tx, license);
    }
    let license = License { active: seen.active, ..known.license.clone() };
    Ok(Around::new(license, Arc::clone(&known.names), stamp))
}

fn bind(tx: &mut Tx<'_>, op: &mut Op, mut around: Around, ask: &Activate) -> Result<Decided<Bound>> {
    let jti = op.random();
    op.charge(&around.license);
    let license = &around.license;
    let (levels, warnings) = known_levels(&around.terms.limits, &ask.levels);
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
        product: &around.names.product,
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
            let deed = Deed { action: "activation.activate", moved: how };
            around.license = store::keep(tx, op, &deed, license, slots.counted, present.as_ref(), &decision)?;
            Ok(Decided::Granted(Bound { around, decision, first, warnings, jti }))
        }
        // A late duplicate: it changes nothing and leaves nothing.
        Err(refused) if refused.code == ErrorCode::CredentialInvalid => {
            Err(Error::coded(refused.code, refused.detail))
        }
        Err(refused) => {
            if slots.counted != license.active {
                licenses::sql::set_active(tx, license.id, slots.counted)?;
            }
            let refused = refuse(tx, op, &around, &request, present.as_ref(), refused)?;
            let act = present.map(|present| present.id);
            Ok(Decided::Refused(Box::new(Denied { around, act, refused, now: op.now })))
        }
    }
}

/// Counts an activation for the day. Each leaves an entry and a credential, so this is what bounds them; the last one
/// that is admitted says so.
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

/// Whether the license never had this installation, and none gave its place to it.
fn is_new(present: Option<&Activation>, decision: &Decision) -> bool {
    present.is_none() && decision.superseded.is_none()
}

fn refuse(
    tx: &mut Tx<'_>,
    op: &mut Op,
    around: &Around,
    request: &rules::ActivateRequest,
    present: Option<&Activation>,
    refused: Refused,
) -> Result<Refused> {
    let last = present.map(|present| (present.id, present.refused));
    audit_refusal(tx, op, &around.license, request, last, &refused)?;
    if let Some(present) = present.filter(|present| present.refused != Some(refused.code)) {
        sql::set_refused(tx, present.id, refused.code)?;
    }
    advise(tx, around, refused)
}

/// The activation that is to move here, and who asks for it.
fn moving(
    tx: &mut Tx<'_>,
    license: &License,
    ask: &Activate,
    now: Timestamp,
) -> Result<Option<(Activation, Mover)>> {
    let Some(id) = ask.takeover else { return Ok(None) };
    let from = sql::lock_by_id(tx, id)?.filter(|from| from.license == license.id);
    let from = from.ok_or_else(|| {
        Error::coded(ErrorCode::ActivationNotFound, "The license has no such activation to take over.")
    })?;
    let shown = ask.proof.as_ref().is_some_and(|proof: &Proof| proof.is_present(&from));
    let mover = if shown { Mover::with_credential(&from, now) } else { Mover::Key };
    Ok(Some((from, mover)))
}

/// Nothing is written where an installation came too soon after others.
fn too_many() -> Error {
    let detail = "Too many new installations of this license came lately: this one has to wait.";
    Error::coded(ErrorCode::RateLimited, detail)
}

/// How a move came about, as its entry says.
pub(super) fn word(mover: Mover) -> &'static str {
    match mover {
        Mover::Holder => "holder",
        Mover::Operator => "operator",
        Mover::Key => "key",
    }
}
