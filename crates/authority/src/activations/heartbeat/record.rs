//! Everything that a heartbeat on its own writes: rows and audit entries.

use kaching_base::ErrorCode;
use kaching_db::Tx;
use kaching_domain::{
    Activation, License, Refused,
    activations::heartbeat::{Answered, Remembered},
};
use serde_json::json;

use super::{
    super::{Heartbeat, repeated},
    decide::{HealthUpdate, moves_only},
    rows, sql,
};
use crate::{Op, Result, audit::Entry};

/// Writes the changes of an answered heartbeat, except for usage.
pub(super) fn answer(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    answered: &Answered,
    health: Option<&HealthUpdate>,
    heartbeat: &Heartbeat,
) -> Result<()> {
    let after = &answered.activation;
    if moves_only(before, after) {
        sql::write_times(tx, after)?;
    } else {
        rows::update(tx, Some(before), after)?;
    }
    if answered.remembered.differs_from(before) {
        suspicion(tx, op, license, before, &answered.remembered, heartbeat)?;
    }
    if let Some(HealthUpdate { health, .. }) = health {
        rows::set_health(tx, after.id, health)?;
    }
    let status = health.filter(|update| update.status_changed).map(|update| update.health.status.as_str());
    audit(tx, op, license, before, answered, status)
}

/// Appends at most one entry: of a refusal that differs from the last one, of a return, or (one an hour) of what the
/// product reports about itself.
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
            let mut change =
                json!({ "license": license.id, "version": version, "levels": levels, "health": health });
            let entry = |change| Entry::ok(change).of_customer(license.customer);
            if resumes {
                change["lapsed_at"] = json!(before.run_until);
                op.on("activation.resume", after.id);
                return op.audit(tx, entry(change));
            }
            repeated::audit(tx, op, after.id, "activation.report", change, entry)
        }
    }
}

/// Records signs of two holders. A sighting leaves an entry that shows both, one an hour, and one more where both are
/// refused from now on.
pub(super) fn suspicion(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    remembered: &Remembered,
    heartbeat: &Heartbeat,
) -> Result<()> {
    rows::set_suspicion(tx, before.id, &remembered.suspicion)?;
    if let Some(displaced) = &remembered.displaced {
        rows::put_displaced(tx, before.id, displaced)?;
    }
    if !remembered.sighting {
        return Ok(());
    }
    let shown = &heartbeat.proof.authorization;
    let change = json!({
        "license": license.id,
        "present": { "generation": before.credential.generation, "number": before.credential.number },
        "shown": { "generation": shown.generation, "number": shown.number },
        "refused": remembered.suspicion.copy_suspected,
    });
    let private = json!({ "present_address": before.address, "present_seen_at": before.last_seen_at });
    let entry = |change| Entry::ok(change).private(private).of_customer(license.customer);
    if remembered.suspicion.copy_suspected && !before.suspicion.copy_suspected {
        op.on("activation.two_holders", before.id);
        return op.audit(tx, entry(change).refusing(ErrorCode::CopySuspected));
    }
    repeated::audit(tx, op, before.id, "activation.two_holders", change, entry)
}

/// Appends one entry for each generation that was moved away and has to stop.
pub(super) fn refused_move(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    activation: &Activation,
    generation: i64,
    refused: &Refused,
) -> Result<()> {
    if !rows::refuse_displaced(tx, activation.id, generation, refused.code)? {
        op.repeated(refused.code);
        return Ok(());
    }
    op.on("activation.heartbeat", activation.id);
    op.audit(tx, Entry::refused(refused.code).of_customer(license.customer))
}
