//! Heartbeats: nearly all of them change nothing but times and share a transaction with others ([`batch`]). One that
//! changes more, or is refused, gets a transaction of its own. Both ask [`decide`] for the decision.

mod batch;
mod decide;
mod record;
mod sql;

use std::sync::Arc;

use kaching_base::{ActivationId, ErrorCode, FingerprintKind};
use kaching_db::Tx;
use kaching_domain::{
    Activation, Refused,
    activations::{
        credential::CredentialState,
        heartbeat::{Answered, HeartbeatOutcome},
    },
    leases::Times,
    quotas,
};
use kaching_license::Digest;

use super::{
    Answer, Heartbeat, Renewed, credential_invalid,
    decided::{Decided, Denied, advise},
    slots, sql as rows, unknown, usage,
};
use crate::{
    Authority, Cx, Error, Op, Result,
    daily::Charged,
    entitlement::{self, Entitlement, EntitlementCache},
    licenses,
    statements::after_commit,
};

use batch::PendingHeartbeat;
pub(crate) use batch::{HeartbeatBatcher, heartbeat_batcher};
use decide::{HeartbeatDecision, HeartbeatInputs, decide};
use sql::LockedActivation;

/// The result of one attempt to process a heartbeat.
enum Attempt {
    /// The license has to be locked before the activation.
    NeedsLicense,
    /// `credential_invalid`, with the generation and number that count. Anything suspicious has been recorded.
    Invalid {
        generation: i64,
        number: i64,
    },
    Decided(Decided<Box<RenewedLease>>),
}

/// A lease that was committed and has to be signed.
pub(crate) struct RenewedLease {
    entitlement: Arc<Entitlement>,
    /// The license's count of active activations.
    active: i64,
    activation: Activation,
    times: Times,
    warnings: Vec<String>,
    jti: [u8; 16],
}

impl Authority {
    /// Renews the lease of an activation, or refuses to.
    ///
    /// # Errors
    /// `credential_invalid` (as [`Error::OutdatedCredential`]), `activation_not_found`.
    pub async fn heartbeat(&self, cx: Cx, heartbeat: Heartbeat) -> Result<Answer<Renewed>> {
        self.check_clock(self.now())?;
        let (request, heartbeat) = (heartbeat.proof.request, Arc::new(heartbeat));
        let renewed = match self.heartbeats.write(self.pending(&cx, &heartbeat)).await? {
            Some(renewed) => *renewed,
            None => match self.process_single(cx, heartbeat).await? {
                Decided::Granted(renewed) => *renewed,
                Decided::Refused(denied) => return self.deny(*denied, request),
            },
        };
        let RenewedLease { entitlement, active, activation, times, warnings, jti } = renewed;
        let lease =
            self.sign_lease(&entitlement, &activation, times, jti, request).await.map_err(after_commit)?;
        let quotas = quotas(&entitlement.terms, active.unsigned_abs(), &activation.levels);
        Ok(Answer::Granted(Renewed { lease, quotas, warnings }))
    }

    fn pending(&self, cx: &Cx, heartbeat: &Arc<Heartbeat>) -> PendingHeartbeat {
        let mut jti = [0; 16];
        jti.copy_from_slice(&self.entropy.seed()[..16]);
        let address = cx.address.map(|address| address.to_string());
        PendingHeartbeat {
            heartbeat: Arc::clone(heartbeat),
            address,
            now: self.now(),
            jti,
            daily: self.daily,
        }
    }

    /// Processes a heartbeat in a transaction of its own.
    async fn process_single(&self, cx: Cx, heartbeat: Arc<Heartbeat>) -> Result<Decided<Box<RenewedLease>>> {
        let (cx_again, again) = (cx.clone(), Arc::clone(&heartbeat));
        let cache = Arc::clone(&self.entitlements);
        let attempt = self.write("activations.heartbeat", cx, move |tx, op| {
            let locked = sql::lock(tx, heartbeat.proof.authorization.activation)?.ok_or_else(unknown)?;
            let entitlement = cached(tx, &cache, &locked)?;
            process(tx, op, &heartbeat, locked, entitlement, false)
        });
        let mut attempt = attempt.await?;
        if let Attempt::NeedsLicense = attempt {
            let resumed = self.write("activations.resume", cx_again, move |tx, op| {
                let id = again.proof.authorization.activation;
                let found = rows::by_id(tx, id)?.ok_or_else(unknown)?;
                let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
                let license = licenses::apply_due(tx, op, license)?;
                let locked = sql::lock(tx, id)?.ok_or_else(unknown)?;
                let entitlement = Entitlement::of(tx, license)?;
                process(tx, op, &again, locked, entitlement, true)
            });
            attempt = resumed.await?;
        }
        match attempt {
            Attempt::NeedsLicense => Err(credential_invalid()),
            Attempt::Invalid { generation, number } => Err(Error::OutdatedCredential {
                generation: generation.unsigned_abs(),
                number: number.unsigned_abs(),
            }),
            Attempt::Decided(decided) => Ok(decided),
        }
    }
}

/// Returns the entitlement of an activation's license from the cache, with the count of active ones that was read.
fn cached(tx: &mut Tx<'_>, cache: &EntitlementCache, locked: &LockedActivation) -> Result<Entitlement> {
    let catalogue = entitlement::sql::catalogue_version(tx, locked.license.product)?;
    let cached = cache.get(tx, locked.license, catalogue)?.ok_or_else(unknown)?;
    let mut license = cached.license.clone();
    license.active = locked.license.active;
    Ok(Entitlement::new(license, Arc::clone(&cached.names), cached.catalogue))
}

/// Decides a heartbeat and writes everything that follows from it. `license_locked` says whether the license's row was
/// locked before the activation's, without which nothing may change the license's count.
fn process(
    tx: &mut Tx<'_>,
    op: &mut Op,
    heartbeat: &Heartbeat,
    locked: LockedActivation,
    mut entitlement: Entitlement,
    license_locked: bool,
) -> Result<Attempt> {
    let LockedActivation { activation: before, health, .. } = locked;
    let (id, jti) = (before.id, op.random());
    op.charge(&entitlement.license);
    let is_spelled = before.kind == FingerprintKind::Domain
        && Digest::of(before.fingerprint.as_str()) != heartbeat.fpr
        && rows::is_spelling(tx, id, heartbeat.fpr)?;
    let slots = match license_locked && before.is_lapsed(op.now) {
        true => Some(slots::count(tx, op, &entitlement.license, Some(&before))?),
        false => None,
    };
    let generation = decide::generation(heartbeat);
    let displaced = match generation < before.credential.generation {
        true => rows::displaced(tx, id, generation)?,
        false => None,
    };
    let HeartbeatDecision { outcome, health, usage, mut warnings } = decide(
        heartbeat,
        op.cx.address.map(|address| address.to_string()),
        &HeartbeatInputs {
            entitlement: &entitlement,
            activation: &before,
            health: health.as_ref(),
            is_spelled,
            displaced: displaced.as_ref(),
            license_locked,
            free_slot: slots
                .as_ref()
                .map(|slots| entitlement.terms.slots().is_none_or(|max| slots.held < max)),
            now: op.now,
        },
    );
    let mut counted = slots.map_or(entitlement.license.active, |slots| slots.counted);
    if let HeartbeatOutcome::Answered(answered) = &outcome {
        counted += answered.delta;
    }
    if counted != entitlement.license.active {
        licenses::sql::set_active(tx, entitlement.license.id, counted)?;
        entitlement.license.active = counted;
    }
    let license = &entitlement.license;
    let (activation, answer) = match outcome {
        HeartbeatOutcome::NeedsSlot => return Ok(Attempt::NeedsLicense),
        HeartbeatOutcome::Fails(remembered) => {
            if remembered.differs_from(&before) {
                record::suspicion(tx, op, license, &before, &remembered, heartbeat)?;
            }
            let CredentialState { generation, number, .. } = before.credential;
            return Ok(Attempt::Invalid { generation, number });
        }
        HeartbeatOutcome::Moved(Err(refused)) => {
            record::refused_move(tx, op, license, &before, generation, &refused)?;
            return denied(tx, op, entitlement, before.id, refused);
        }
        HeartbeatOutcome::Moved(Ok(times)) => (before, Ok(times)),
        HeartbeatOutcome::Answered(answered) => {
            record::answer(tx, op, license, &before, &answered, health.as_ref(), heartbeat)?;
            let Answered { activation, answer, .. } = *answered;
            (activation, answer)
        }
    };
    let charged = Charged::to(license);
    warnings.extend(usage::store(tx, op.daily, vec![(charged, usage)], op.now)?.into_iter().flatten());
    match answer {
        Ok(times) => {
            let activation = if is_spelled { spelled(activation, heartbeat.fpr) } else { activation };
            let active = entitlement.license.active;
            let entitlement = Arc::new(entitlement);
            let renewed = RenewedLease { entitlement, active, activation, times, warnings, jti };
            Ok(Attempt::Decided(Decided::Granted(Box::new(renewed))))
        }
        Err(refused) => denied(tx, op, entitlement, activation.id, refused),
    }
}

/// Answers a client by the spelling of its domain that it knows.
fn spelled(activation: Activation, fpr: Digest) -> Activation {
    Activation { fingerprint: activation.fingerprint.spelled(fpr), ..activation }
}

/// Returns the refusal that has to be signed, with holders, contact and upgrade.
fn denied(
    tx: &mut Tx<'_>,
    op: &Op,
    entitlement: Entitlement,
    act: ActivationId,
    refused: Refused,
) -> Result<Attempt> {
    let mut refused = advise(tx, &entitlement, refused)?;
    if refused.code == ErrorCode::ActivationLimitReached {
        refused.holders = slots::holders(tx, op, &entitlement.license)?;
    }
    let denied = Denied { entitlement, act: Some(act), refused, now: op.now };
    Ok(Attempt::Decided(Decided::Refused(Box::new(denied))))
}
