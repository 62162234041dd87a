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

/// What the entry of a decision is called, and how the move came about.
pub(super) struct Deed {
    pub(super) action: &'static str,
    pub(super) moved: &'static str,
}

/// Writes a decision down: rows, count, revision, entries. Gives the license as it is afterwards.
pub(super) fn keep(
    tx: &mut Tx<'_>,
    op: &mut Op,
    deed: &Deed,
    license: &License,
    counted: i64,
    present: Option<&Activation>,
    decision: &Decision,
) -> Result<License> {
    let mut after = license.clone();
    if let Some(started) = &decision.started {
        licenses::keep(tx, op, "license.start", license, started)?;
        after = started.clone();
    }
    after.active = counted + decision.delta;
    if after.active != license.active {
        licenses::sql::set_active(tx, license.id, after.active)?;
    }
    write_activation(tx, op, present, decision)?;
    if let Some(from) = &decision.superseded {
        after.revision += 1;
        supersede(tx, op, deed, &after, from, decision)?;
        licenses::sql::set_revision(tx, license.id, after.revision)?;
    }
    audit(tx, op, deed, &after, decision)?;
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
        sql::keep_displaced(tx, activation.id, displaced)?;
        // The nonce of the present credential stands on the row.
        if let Some(nonce) = &present.credential.made_by {
            sql::keep_nonce(tx, activation.id, nonce, op.now)?;
        }
    }
    Ok(())
}

/// A client that knows its domain by another spelling is answered by that one.
fn put_spelling(tx: &mut Tx<'_>, activation: &Activation) -> Result<()> {
    match activation.fingerprint.spelling() {
        Some(fpr) => sql::put_spelling(tx, activation.id, fpr),
        None => Ok(()),
    }
}

/// The one that moved away, and those whose grace that ends.
fn supersede(
    tx: &mut Tx<'_>,
    op: &mut Op,
    deed: &Deed,
    license: &License,
    from: &Activation,
    decision: &Decision,
) -> Result<()> {
    let to = decision.activation.id;
    sql::update(tx, None, from)?;
    op.changed_one(license.id, from.id, license.revision);
    sql::keep_move(tx, license.id, from.id, to, decision.spends_move, op.now)?;
    op.on("activation.supersede", from.id);
    let change =
        json!({ "license": license.id, "by": to, "how": deed.moved, "runs_until": from.move_ends_at });
    op.audit(tx, Entry::ok(change).of_customer(license.customer))?;
    cut_short(tx, op, license, &decision.cut_short)
}

/// Ends the move grace of these.
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

/// A repeat changed nothing but times.
fn audit(tx: &mut Tx<'_>, op: &mut Op, deed: &Deed, license: &License, decision: &Decision) -> Result<()> {
    if decision.outcome == ActivateOutcome::Repeated {
        return Ok(());
    }
    let Activation { id, kind, credential, fingerprint, name, version, levels, .. } = &decision.activation;
    op.on(deed.action, id);
    let change = json!({
        "license": license.id,
        "kind": kind,
        "generation": credential.generation,
        "again": decision.outcome == ActivateOutcome::Renewed,
        "version": version,
        "levels": levels,
    });
    let told = json!({ "fingerprint": fingerprint.as_str(), "name": name });
    op.audit(tx, Entry::ok(change).private(told).of_customer(license.customer))
}
