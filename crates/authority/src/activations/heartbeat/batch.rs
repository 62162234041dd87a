//! Heartbeats that wait at the same time are read together, decided one by one and written together.

use std::{collections::HashMap, mem, sync::Arc};

use kaching_base::{ActivationId, Timestamp};
use kaching_db::{self as db, BatchLimits, Db, Engine, Tx, WriteBatcher};
use kaching_domain::activations::heartbeat::{Answered, HeartbeatOutcome};

use super::{
    super::{
        ReportedHealth,
        usage::{self, UsageReport},
    },
    Heartbeat, RenewedLease,
    decide::{HeartbeatDecision, HeartbeatInputs, decide},
    rows,
    sql::{self, LockedActivation},
};
use crate::{
    Error, Result,
    daily::{Charged, DailyLimits},
    entitlement::{Entitlement, EntitlementCache},
};

/// Answers a heartbeat with the lease that it gets, or with `None` where it needs a transaction of its own.
pub(crate) type HeartbeatBatcher = WriteBatcher<PendingHeartbeat, Option<Box<RenewedLease>>>;

/// A heartbeat that waits for the next batch.
pub(crate) struct PendingHeartbeat {
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) address: Option<String>,
    pub(super) now: Timestamp,
    /// The id of the lease.
    pub(super) jti: [u8; 16],
    pub(super) daily: DailyLimits,
}

/// A heartbeat that a batch grants, with everything that is written for it.
struct Batched {
    /// Its index among the pending ones.
    index: usize,
    renewed: RenewedLease,
    /// The health with other details, if they are stored.
    health: Option<ReportedHealth>,
    usage: UsageReport,
}

/// Two transactions, so that one gathers while the other commits.
fn batch_limits(engine: Engine) -> BatchLimits {
    let (min_inputs, max_inputs) = match engine {
        Engine::Sqlite => (24, 256),
        // Round trips are most of what a transaction costs, so more heartbeats share one. If it took yet more, a few
        // connections would fill one transaction and leave nothing for the other.
        Engine::Postgres => (32, 64),
    };
    BatchLimits { min_inputs, max_inputs, transactions: 2, queue: 4096 }
}

/// Gathers heartbeats for this database.
pub(crate) fn heartbeat_batcher(db: &Db, cache: Arc<EntitlementCache>) -> HeartbeatBatcher {
    WriteBatcher::new(db, "activations.heartbeats", batch_limits(db.engine()), move |tx, pending| {
        process_batch(tx, pending, &cache).map_err(|error| match error {
            Error::Database(error) => error,
            other => db::Error::Value(other.to_string()),
        })
    })
}

/// Answers each heartbeat that is granted and changes nothing but times, usage and the details of health. Nothing is
/// written for the others.
fn process_batch(
    tx: &mut Tx<'_>,
    pending: &[PendingHeartbeat],
    cache: &EntitlementCache,
) -> Result<Vec<Option<Box<RenewedLease>>>> {
    let indices = first_of_each(pending);
    let locked = sql::lock_all(tx, indices.keys().copied())?;
    let versions: Vec<_> = locked.iter().map(|locked| locked.license).collect();
    let entitlements = cache.get_all(tx, &versions)?;
    let mut batched: Vec<Batched> = locked
        .into_iter()
        .zip(entitlements)
        .filter_map(|(locked, entitlement)| {
            let index = indices[&locked.activation.id];
            process(index, &pending[index], locked, entitlement?)
        })
        .collect();
    store_usage(tx, pending, &mut batched)?;
    for one in &batched {
        if let Some(health) = &one.health {
            rows::set_health(tx, one.renewed.activation.id, health)?;
        }
    }
    sql::write_all_times(tx, batched.iter().map(|one| &one.renewed.activation))?;
    let mut answers: Vec<_> = pending.iter().map(|_| None).collect();
    for Batched { index, renewed, .. } in batched {
        answers[index] = Some(Box::new(renewed));
    }
    Ok(answers)
}

/// Returns the index of each activation's first heartbeat: a second one has to see what the first one wrote.
fn first_of_each(pending: &[PendingHeartbeat]) -> HashMap<ActivationId, usize> {
    let mut indices = HashMap::with_capacity(pending.len());
    for (index, one) in pending.iter().enumerate() {
        indices.entry(one.heartbeat.proof.authorization.activation).or_insert(index);
    }
    indices
}

fn process(
    index: usize,
    pending: &PendingHeartbeat,
    locked: LockedActivation,
    entitlement: Arc<Entitlement>,
) -> Option<Batched> {
    let PendingHeartbeat { heartbeat, address, now, jti, .. } = pending;
    let LockedActivation { activation: before, health, license } = locked;
    let inputs = HeartbeatInputs {
        entitlement: &entitlement,
        activation: &before,
        health: health.as_ref(),
        // Other rows are only read for a heartbeat on its own.
        is_spelled: false,
        displaced: None,
        license_locked: false,
        free_slot: None,
        now: *now,
    };
    let decision = decide(heartbeat, address.clone(), &inputs);
    if !decision.fits_batch(&before) {
        return None;
    }
    let HeartbeatDecision { outcome, health, usage, warnings } = decision;
    let HeartbeatOutcome::Answered(answered) = outcome else { return None };
    let Answered { activation, answer, .. } = *answered;
    let times = answer.ok()?;
    let health = health.map(|update| update.health);
    let renewed =
        RenewedLease { entitlement, active: license.active, activation, times, warnings, jti: *jti };
    Some(Batched { index, renewed, health, usage })
}

fn store_usage(tx: &mut Tx<'_>, pending: &[PendingHeartbeat], batched: &mut [Batched]) -> Result<()> {
    let mut with_usage: Vec<_> = batched.iter_mut().filter(|one| !one.usage.increments.is_empty()).collect();
    let Some(PendingHeartbeat { daily, now, .. }) = with_usage.first().map(|one| &pending[one.index]) else {
        return Ok(());
    };
    let reports = with_usage
        .iter_mut()
        .map(|one| {
            let (license, active) = (one.renewed.entitlement.license.id, one.renewed.active);
            let increments = mem::take(&mut one.usage.increments);
            (Charged { license, active }, UsageReport { increments, ..one.usage })
        })
        .collect();
    let warnings = usage::store(tx, *daily, reports, *now)?;
    for (one, warning) in with_usage.into_iter().zip(warnings) {
        one.renewed.warnings.extend(warning);
    }
    Ok(())
}
