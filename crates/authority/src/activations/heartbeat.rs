use std::sync::Arc;

use kaching_base::{ActivationId, ErrorCode, FingerprintKind, Limits};
use kaching_db::Tx;
use kaching_domain::{
    Activation, License, Refused,
    activations::{
        credential::{CredentialState, Verdict},
        heartbeat::{self as rules, Answered, HeartbeatOutcome, Remembered, heartbeat},
        known_levels,
    },
    leases::Times,
    quotas,
};
use kaching_license::Digest;
use serde_json::json;

use super::{
    Answer, Health, Heartbeat, Renewed,
    beats::{self, Beat},
    credential_invalid,
    decided::{Decided, Denied, advise},
    repeated, slots, sql, unknown, usage,
};
use crate::{
    Authority, Cx, Error, Op, Result,
    audit::Entry,
    licenses,
    statements::{Around, after_commit},
};

/// What came of a heartbeat.
enum Heard {
    /// It has to be decided again under the license's lock.
    NeedsLicense,
    /// `credential_invalid`; what it showed is written down. Holds the present generation and number.
    Invalid {
        generation: i64,
        number: i64,
    },
    Decided(Decided<Box<Kept>>),
}

/// A lease that was granted, to be signed.
pub(crate) struct Kept {
    pub(super) around: Arc<Around>,
    /// How many activations the license counts as active.
    pub(super) active: i64,
    pub(super) activation: Activation,
    pub(super) times: Times,
    pub(super) warnings: Vec<String>,
    pub(super) jti: [u8; 16],
}

impl Authority {
    /// Renews the lease of an activation, or says why not.
    ///
    /// # Errors
    /// `credential_invalid` (as [`Error::OutdatedCredential`]), `activation_not_found`.
    pub async fn heartbeat(&self, cx: Cx, beat: Heartbeat) -> Result<Answer<Renewed>> {
        self.check_clock(self.now())?;
        let (request, beat) = (beat.proof.request, Arc::new(beat));
        // Nearly all change nothing but times: those that come together share a transaction.
        let kept = match self.beats.write(self.beat(&cx, &beat)).await? {
            Some(kept) => *kept,
            None => match self.hear_alone(cx, beat).await? {
                Decided::Granted(kept) => *kept,
                Decided::Refused(denied) => return self.deny(*denied, request),
            },
        };
        let Kept { around, active, activation, times, warnings, jti } = kept;
        let lease = self.sign_lease(&around, &activation, times, jti, request).await.map_err(after_commit)?;
        let quotas = quotas(&around.terms, active.unsigned_abs(), &activation.levels);
        Ok(Answer::Granted(Renewed { lease, quotas, warnings }))
    }

    fn beat(&self, cx: &Cx, heartbeat: &Arc<Heartbeat>) -> Beat {
        let mut jti = [0; 16];
        jti.copy_from_slice(&self.entropy.seed()[..16]);
        let address = cx.address.map(|address| address.to_string());
        Beat { heartbeat: Arc::clone(heartbeat), address, now: self.now(), jti }
    }

    /// A heartbeat that changes more, or is answered with no: in a transaction of its own.
    async fn hear_alone(&self, cx: Cx, beat: Arc<Heartbeat>) -> Result<Decided<Box<Kept>>> {
        let again = (cx.clone(), Arc::clone(&beat));
        let mut heard =
            self.write("activations.heartbeat", cx, move |tx, op| hear(tx, op, &beat, false)).await?;
        if let Heard::NeedsLicense = heard {
            let (cx, beat) = again;
            heard = self.write("activations.resume", cx, move |tx, op| hear(tx, op, &beat, true)).await?;
        }
        match heard {
            Heard::NeedsLicense => Err(credential_invalid()),
            Heard::Invalid { generation, number } => Err(Error::OutdatedCredential {
                generation: generation.unsigned_abs(),
                number: number.unsigned_abs(),
            }),
            Heard::Decided(decided) => Ok(decided),
        }
    }
}

/// Decides under the activation's lock alone, or, where the license's count may change, under the license's first.
fn hear(tx: &mut Tx<'_>, op: &mut Op, beat: &Heartbeat, locks_license: bool) -> Result<Heard> {
    let id = beat.proof.authorization.activation;
    let jti = op.random();
    let (license, before) = if locks_license {
        let found = sql::by_id(tx, id)?.ok_or_else(unknown)?;
        let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
        let license = licenses::apply_due(tx, op, license)?;
        (license, sql::lock_by_id(tx, id)?.ok_or_else(unknown)?)
    } else {
        let before = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
        (licenses::sql::by_id(tx, before.license)?.ok_or_else(unknown)?, before)
    };
    if license.scheduled.as_ref().is_some_and(|change| change.at <= op.now) && !locks_license {
        return Ok(Heard::NeedsLicense);
    }
    op.charge(&license);
    let mut around = Around::read(tx, license)?;
    let address = op.cx.address.map(|address| address.to_string());
    let (mut request, mut warnings) = request_of(beat, &before, &around.terms.limits, address);
    let spelled = !request.own_fingerprint
        && before.kind == FingerprintKind::Domain
        && sql::is_spelling(tx, id, beat.fpr)?;
    request.own_fingerprint |= spelled;
    let slots = match locks_license && before.is_lapsed(op.now) {
        true => Some(slots::count(tx, op, &around.license, Some(&before))?),
        false => None,
    };
    let displaced = match request.generation < before.credential.generation {
        true => sql::displaced(tx, id, request.generation)?,
        false => None,
    };
    let free_slot = slots.as_ref().map(|slots| around.terms.slots().is_none_or(|max| slots.held < max));
    let situation = rules::HeartbeatContext {
        license: &around.license,
        product: &around.names.product,
        activation: &before,
        displaced: displaced.as_ref(),
        free_slot,
        now: op.now,
    };
    let outcome = heartbeat(&request, &situation);
    let mut counted = slots.map_or(around.license.active, |slots| slots.counted);
    if let HeartbeatOutcome::Answered(answered) = &outcome {
        counted += answered.delta;
    }
    if counted != around.license.active {
        licenses::sql::set_active(tx, around.license.id, counted)?;
        around.license.active = counted;
    }
    match outcome {
        HeartbeatOutcome::NeedsSlot => Ok(Heard::NeedsLicense),
        HeartbeatOutcome::Fails(remembered) => {
            if remembered.differs_from(&before) {
                remember(tx, op, &around.license, &before, &remembered, beat)?;
            }
            let CredentialState { generation, number, .. } = before.credential;
            Ok(Heard::Invalid { generation, number })
        }
        HeartbeatOutcome::Moved(Ok(times)) => {
            warnings.extend(usage::keep(tx, op, &around, before.id, &beat.usage)?);
            let activation = before;
            Ok(granted(around, activation, spelled.then_some(beat.fpr), (times, warnings, jti)))
        }
        HeartbeatOutcome::Moved(Err(refused)) => {
            refuse_moved(tx, op, &around.license, &before, request.generation, &refused)?;
            denied(tx, op, around, before.id, refused)
        }
        HeartbeatOutcome::Answered(answered) => {
            keep(tx, op, &around.license, &before, &answered, beat)?;
            warnings.extend(usage::keep(tx, op, &around, answered.activation.id, &beat.usage)?);
            let Answered { activation, answer, .. } = *answered;
            match answer {
                Ok(times) => {
                    Ok(granted(around, activation, spelled.then_some(beat.fpr), (times, warnings, jti)))
                }
                Err(refused) => denied(tx, op, around, activation.id, refused),
            }
        }
    }
}

/// The lease that is to be signed; `spelling` is the hash by which a client knows its domain that spells it otherwise.
fn granted(
    around: Around,
    mut activation: Activation,
    spelling: Option<Digest>,
    (times, warnings, jti): (Times, Vec<String>, [u8; 16]),
) -> Heard {
    if let Some(fpr) = spelling {
        activation.fingerprint = activation.fingerprint.spelled(fpr);
    }
    let (active, around) = (around.license.active, Arc::new(around));
    Heard::Decided(Decided::Granted(Box::new(Kept { around, active, activation, times, warnings, jti })))
}

/// The refusal that is to be signed.
fn denied(tx: &mut Tx<'_>, op: &Op, around: Around, act: ActivationId, refused: Refused) -> Result<Heard> {
    let refused = told(tx, op, &around, refused)?;
    let denied = Denied { around, act: Some(act), refused, now: op.now };
    Ok(Heard::Decided(Decided::Refused(Box::new(denied))))
}

/// What it says to the rules, with warnings about what is ignored.
pub(super) fn request_of(
    beat: &Heartbeat,
    before: &Activation,
    limits: &Limits,
    address: Option<String>,
) -> (rules::HeartbeatRequest, Vec<String>) {
    let (levels, warnings) = match &beat.levels {
        Some(told) => known_levels(limits, told),
        None => Default::default(),
    };
    let request = rules::HeartbeatRequest {
        generation: i64::try_from(beat.proof.authorization.generation).unwrap_or(i64::MAX),
        number: i64::try_from(beat.proof.authorization.number).unwrap_or(i64::MAX),
        nonce: beat.nonce.clone(),
        own_fingerprint: Digest::of(before.fingerprint.as_str()) == beat.fpr,
        version: beat.version.clone(),
        levels,
        address,
    };
    (request, warnings)
}

/// One entry for each generation that was moved away and is told to stop.
fn refuse_moved(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    activation: &Activation,
    generation: i64,
    refused: &Refused,
) -> Result<()> {
    if !sql::refuse_displaced(tx, activation.id, generation, refused.code)? {
        op.repeated(refused.code);
        return Ok(());
    }
    op.on("activation.heartbeat", activation.id);
    op.audit(tx, Entry::refused(refused.code).of_customer(license.customer))
}

/// The refusal with holders, contact and upgrade.
fn told(tx: &mut Tx<'_>, op: &Op, around: &Around, refused: Refused) -> Result<Refused> {
    let mut refused = advise(tx, around, refused)?;
    if refused.code == ErrorCode::ActivationLimitReached {
        refused.holders = slots::holders(tx, op, &around.license)?;
    }
    Ok(refused)
}

/// Writes what the heartbeat changed, but for usage.
fn keep(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    answered: &Answered,
    beat: &Heartbeat,
) -> Result<()> {
    let after = &answered.activation;
    if moves_only(before, after) {
        beats::sql::beat(tx, after)?;
    } else {
        sql::update(tx, Some(before), after)?;
    }
    if answered.remembered.differs_from(before) {
        remember(tx, op, license, before, &answered.remembered, beat)?;
    }
    let health = match answered.verdict {
        Verdict::Advances if answered.answer.is_ok() => keep_health(tx, after, beat)?,
        _ => None,
    };
    audit(tx, op, license, before, answered, health)
}

/// Whether nothing else changed than what every heartbeat moves.
pub(super) fn moves_only(before: &Activation, after: &Activation) -> bool {
    // Each part is named, so that a new one is decided here.
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

/// Writes the health where it changed; gives the new status word where that did.
fn keep_health<'b>(tx: &mut Tx<'_>, after: &Activation, beat: &'b Heartbeat) -> Result<Option<&'b str>> {
    let Some(told) = &beat.health else { return Ok(None) };
    let known: Option<Health> = sql::health(tx, after.id)?;
    if known.as_ref() == Some(told) {
        return Ok(None);
    }
    sql::set_health(tx, after.id, told)?;
    let changed = known.is_none_or(|known| known.status != told.status);
    Ok(changed.then_some(told.status.as_str()))
}

/// One entry at most: of a refusal that is new, a return, or (one an hour) what the product told of itself.
fn audit(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    answered: &Answered,
    health: Option<&str>,
) -> Result<()> {
    let after = &answered.activation;
    match &answered.answer {
        Err(refused) if before.refused == Some(refused.code) => {
            op.repeated(refused.code);
            Ok(())
        }
        Err(refused) => {
            op.on("activation.heartbeat", after.id);
            op.audit_limited(tx, Entry::refused(refused.code).of_customer(license.customer))
        }
        Ok(_) => {
            let version = (before.version != after.version).then_some(&after.version);
            let levels = (before.levels != after.levels).then_some(&after.levels);
            let resumes = before.is_lapsed(op.now);
            if version.is_none() && levels.is_none() && health.is_none() && !resumes {
                return Ok(());
            }
            let mut told =
                json!({ "license": license.id, "version": version, "levels": levels, "health": health });
            let entry = |told| Entry::ok(told).of_customer(license.customer);
            if resumes {
                told["lapsed_at"] = json!(before.run_until);
                op.on("activation.resume", after.id);
                return op.audit(tx, entry(told));
            }
            repeated::audit(tx, op, after.id, "activation.report", told, entry)
        }
    }
}

/// Writes down what speaks for two holders. A sighting is an entry that shows both, one an hour, and one that says so
/// where both are refused from then on.
fn remember(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    remembered: &Remembered,
    beat: &Heartbeat,
) -> Result<()> {
    sql::set_suspicion(tx, before.id, &remembered.suspicion)?;
    if let Some(displaced) = &remembered.displaced {
        sql::keep_displaced(tx, before.id, displaced)?;
    }
    if !remembered.sighting {
        return Ok(());
    }
    let shown = &beat.proof.authorization;
    let change = json!({
        "license": license.id,
        "present": { "generation": before.credential.generation, "number": before.credential.number },
        "shown": { "generation": shown.generation, "number": shown.number },
        "refused": remembered.suspicion.copy_suspected,
    });
    let told = json!({ "present_address": before.address, "present_seen_at": before.last_seen_at });
    let entry = |change| Entry::ok(change).private(told).of_customer(license.customer);
    if remembered.suspicion.copy_suspected && !before.suspicion.copy_suspected {
        op.on("activation.two_holders", before.id);
        return op.audit(tx, entry(change).refusing(ErrorCode::CopySuspected));
    }
    repeated::audit(tx, op, before.id, "activation.two_holders", change, entry)
}
