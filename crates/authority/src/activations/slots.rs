use kaching_db::Tx;
use kaching_domain::{Activation, Holder, License, activations::lapse};
use serde_json::json;

use super::sql;
use crate::{Op, Result, audit::Entry};

/// The number of held slots, under the license's lock.
pub(super) struct Slots {
    /// Held now, without those that have lapsed.
    pub(super) held: u64,
    /// The count in the license's row.
    pub(super) counted: i64,
}

/// Holders that a refusal names at most, for a person to read.
const NAMED: i64 = 50;

/// Counts the slots that are held. `own` is the activation that asks: it is not counted if its time has passed.
/// Lapsed activations of others are looked up and recorded only where no slot is free.
pub(super) fn count(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    own: Option<&Activation>,
) -> Result<Slots> {
    let own_lapsed = own.is_some_and(|own| own.lapses_at().is_some() && own.is_lapsed(op.now));
    let held = |counted: i64| (counted - i64::from(own_lapsed)).max(0).unsigned_abs();
    let full = |counted: i64| license.slots().is_some_and(|slots| held(counted) >= slots);
    let mut counted = license.active;
    if full(counted) {
        for one in sql::lock_lapsed(tx, license.id, op.now)? {
            if own.is_none_or(|own| own.id != one.id) && write_lapse(tx, op, license, &one)? {
                counted -= 1;
            }
        }
    }
    Ok(Slots { held: held(counted), counted })
}

/// Records that an activation has lapsed, if it has. The caller writes the count.
pub(super) fn write_lapse(
    tx: &mut Tx<'_>,
    op: &mut Op,
    license: &License,
    activation: &Activation,
) -> Result<bool> {
    let Some(lapsed) = lapse(activation, op.now) else { return Ok(false) };
    sql::update(tx, Some(activation), &lapsed)?;
    op.on("activation.lapse", activation.id);
    let entry = Entry::ok(json!({ "license": license.id, "lapsed_at": activation.lapses_at() }));
    op.audit(tx, entry.of_customer(license.customer))?;
    Ok(true)
}

/// Returns the holders of the slots.
pub(super) fn holders(tx: &mut Tx<'_>, op: &Op, license: &License) -> Result<Vec<Holder>> {
    let active = sql::active(tx, license.id, NAMED)?;
    Ok(active.iter().filter(|one| one.holds_slot(op.now)).map(Activation::as_holder).collect())
}
