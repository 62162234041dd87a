use kaching_base::Timestamp;
use kaching_db::Tx;
use kaching_domain::{
    Activation, License,
    activations::deactivate::{DeactivateContext, GivenBack, deactivate},
};
use serde_json::json;

use super::{Deactivate, credential_invalid, record, sql, unknown};
use crate::{Authority, Cx, Op, Result, audit::Entry, licenses};

impl Authority {
    /// Gives the slot back. Doing it again changes nothing.
    ///
    /// # Errors
    /// `credential_invalid` or `activation_not_found`.
    pub async fn deactivate(&self, cx: Cx, ask: Deactivate) -> Result<()> {
        self.write("activations.deactivate", cx, move |tx, op| {
            let id = ask.proof.authorization.activation;
            let found = sql::by_id(tx, id)?.ok_or_else(unknown)?;
            let license = licenses::sql::lock_by_id(tx, found.license)?.ok_or_else(unknown)?;
            op.charge(&license);
            let before = sql::lock_by_id(tx, id)?.ok_or_else(unknown)?;
            if !ask.proof.is_present(&before) {
                // The first of these calls ended the credential where the slot remains held.
                let repeated = sql::nonce_seen(tx, id, &ask.nonce, op.now)?;
                return if repeated { Ok(()) } else { Err(credential_invalid()) };
            }
            let Some(given_back) = decide(tx, &license, &before, op.now)? else { return Ok(()) };
            if !sql::is_first(tx, id, &ask.nonce, op.now)? {
                return Ok(());
            }
            write(tx, op, &license, &before, given_back)
        })
        .await
    }
}

fn decide(
    tx: &mut Tx<'_>,
    license: &License,
    before: &Activation,
    now: Timestamp,
) -> Result<Option<GivenBack>> {
    let displaces = before.displaced_runs_until(now).is_some();
    let mut in_grace = if displaces { sql::in_grace(tx, license.id, now)? } else { Vec::new() };
    in_grace.retain(|id| *id != before.id);
    let moves = if displaces { sql::moves(tx, license.id, now)? } else { Vec::new() };
    Ok(deactivate(&DeactivateContext {
        license,
        activation: before,
        in_grace: &in_grace,
        moves: &moves,
        now,
    }))
}

fn write(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    before: &Activation,
    given_back: GivenBack,
) -> Result<()> {
    let change = json!({ "license": license.id, "was": before.status.as_str() });
    let entry = Entry::ok(change).of_customer(license.customer);
    let (after, entry, cut_short) = match given_back {
        GivenBack::Freed(after) => (after, entry, None),
        GivenBack::Moved { activation, cut_short } => {
            let runs_until = json!(activation.move_ends_at);
            let entry = entry.also("how", json!("key")).also("displaced_runs_until", runs_until);
            (activation, entry, Some(cut_short))
        }
        GivenBack::Held { activation, displaced } => {
            sql::put_displaced(tx, activation.id, &displaced)?;
            let entry = entry.also("held_until", json!(activation.lapses_at()));
            (activation, entry, None)
        }
    };
    sql::update(tx, Some(before), &after)?;
    if before.lapses_at().is_some() && after.lapses_at().is_none() {
        licenses::sql::set_active(tx, license.id, license.active - 1)?;
    }
    let mut license = license.clone();
    if let Some(cut_short) = cut_short {
        license.revision += 1;
        licenses::sql::set_revision(tx, license.id, license.revision)?;
        sql::insert_move(tx, license.id, after.id, after.id, true, op.now)?;
        record::cut_short(tx, op, &license, &cut_short)?;
    }
    op.changed_one(license.id, after.id, license.revision);
    op.on("activation.deactivate", after.id);
    op.audit(tx, entry)
}
