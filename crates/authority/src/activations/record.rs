use kaching_base::ActivationId;
use kaching_db::Tx;
use kaching_domain::{
    Activation, License,
    activations::activate::{ActivateOutcome, Decision},
};
use serde_json::json;

use super::sql;
use crate::{
    Op, Result,
    audit::Entry,
    licenses,
    search::{self, Noun},
};

/// The action of a decision's audit entry.
pub(super) struct AuditAction {
    pub(super) action: &'static str,
    /// The actor that moved the activation.
    pub(super) mover: &'static str,
}

/// Writes the rows, count, revision and entries of a decision. Returns the license as it is afterwards.
pub(super) fn decision(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &AuditAction,
    license: &License,
    counted: i64,
    present: Option<&Activation>,
    decision: &Decision,
) -> Result<License> {
    let mut after = license.clone();
    if let Some(started) = &decision.started {
        licenses::record(tx, op, "license.start", license, started)?;
        after = started.clone();
    }
    after.active = counted + decision.delta;
    if after.active != license.active {
        licenses::sql::set_active(tx, license.id, after.active)?;
    }
    write_activation(tx, op, present, decision)?;
    if let Some(from) = &decision.superseded {
        after.revision += 1;
        move_away(tx, op, action, &after, from, decision)?;
        licenses::sql::set_revision(tx, license.id, after.revision)?;
    }
    audit(tx, op, action, &after, decision)?;
    Ok(after)
}

fn write_activation(
    tx: &mut Tx<'_>,
    op: &mut Op,
    present: Option<&Activation>,
    decision: &Decision,
) -> Result<()> {
    let activation = &decision.activation;
    let words = || sql::words(&activation.fingerprint, activation.name.as_deref());
    let Some(present) = present else {
        sql::insert(tx, activation)?;
        put_spelling(tx, activation)?;
        return search::add(tx, Noun::Activation, activation.id, &words());
    };
    sql::update(tx, Some(present), activation)?;
    put_spelling(tx, activation)?;
    if present.name != activation.name {
        search::put(tx, Noun::Activation, activation.id, &words())?;
    }
    if let Some(displaced) = &decision.displaced {
        sql::put_displaced(tx, activation.id, displaced)?;
        // The nonce of the present credential is in the activation's row.
        if let Some(nonce) = &present.credential.made_by {
            sql::put_nonce(tx, activation.id, nonce, op.now)?;
        }
    }
    Ok(())
}

/// Stores the client's own spelling of its domain, if it differs.
fn put_spelling(tx: &mut Tx<'_>, activation: &Activation) -> Result<()> {
    match activation.fingerprint.spelling() {
        Some(fpr) => sql::put_spelling(tx, activation.id, fpr),
        None => Ok(()),
    }
}

/// Writes the activation that moves away, and ends the grace of others where the decision says so.
fn move_away(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &AuditAction,
    license: &License,
    from: &Activation,
    decision: &Decision,
) -> Result<()> {
    let to = decision.activation.id;
    sql::update(tx, None, from)?;
    op.changed_one(license.id, from.id, license.revision);
    sql::insert_move(tx, license.id, from.id, to, decision.spends_move, op.now)?;
    op.on("activation.supersede", from.id);
    let change =
        json!({ "license": license.id, "by": to, "how": action.mover, "runs_until": from.move_ends_at });
    op.audit(tx, Entry::ok(change).of_customer(license.customer))?;
    cut_short(tx, op, license, &decision.cut_short)
}

/// Ends the move grace of these activations.
pub(super) fn cut_short(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    in_grace: &[ActivationId],
) -> Result<()> {
    for id in in_grace {
        sql::end_move_grace(tx, *id, op.now)?;
        op.changed_one(license.id, *id, license.revision);
        op.on("activation.end_move_grace", id);
        op.audit(tx, Entry::ok(json!({ "license": license.id })).of_customer(license.customer))?;
    }
    Ok(())
}

/// Appends the entry of a decision; a repeat has changed nothing but times.
fn audit(
    tx: &mut Tx<'_>,
    op: &mut Op,
    action: &AuditAction,
    license: &License,
    decision: &Decision,
) -> Result<()> {
    if decision.outcome == ActivateOutcome::Repeated {
        return Ok(());
    }
    let Activation { id, kind, credential, fingerprint, name, version, levels, .. } = &decision.activation;
    op.on(action.action, id);
    let change = json!({
        "license": license.id,
        "kind": kind,
        "generation": credential.generation,
        "again": decision.outcome == ActivateOutcome::Renewed,
        "version": version,
        "levels": levels,
    });
    let private = json!({ "fingerprint": fingerprint.as_str(), "name": name });
    op.audit(tx, Entry::ok(change).private(private).of_customer(license.customer))
}
