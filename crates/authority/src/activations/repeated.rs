//! Entries of what a product can repeat as often as it likes: one an hour for each activation and action.
//!
//! The first is written at once. What comes within an hour of the last entry is counted, and one entry tells of the
//! first, the last and how many there were.

use kaching_base::{ActivationId, Seconds};
use kaching_db::Tx;
use serde_json::{Value, json};

use super::sql::repeated as sql;
use crate::{
    Authority, Cx, Op, Result,
    audit::{self, Entry},
};

const HOUR: Seconds = Seconds(3600);

/// Appends an entry about an activation, or counts it for the next one. Its row is locked by the caller.
pub(super) fn audit(
    tx: &mut Tx<'_>,
    op: &mut Op,
    id: ActivationId,
    action: &'static str,
    change: Value,
    entry: impl FnOnce(Value) -> Entry,
) -> Result<()> {
    let mut counted = change.clone();
    counted["at"] = json!(op.now);
    if sql::count_recent(tx, id, action, op.now - HOUR, &counted)? {
        return Ok(());
    }
    sql::begin(tx, id, action, op.now)?;
    op.on(action, id);
    op.audit(tx, entry(change))
}

/// Writes the entries of those whose hour is over. How many were looked at.
pub(crate) async fn write_repeated(authority: &Authority) -> Result<u64> {
    let due = authority.read("activations.repeated_due", |tx, now| sql::is_any_due(tx, now - HOUR));
    if !due.await? {
        return Ok(0);
    }
    authority.write("activations.write_repeated", Cx::system("activations.write_repeated"), write_due).await
}

fn write_due(tx: &mut Tx<'_>, op: &mut Op) -> Result<u64> {
    let due = sql::lock_due(tx, op.now - HOUR)?;
    let looked_at = due.len() as u64;
    for counted in due {
        if counted.times == 0 {
            sql::end(tx, &counted)?;
            continue;
        }
        let change = json!({ "times": counted.times, "first": counted.first, "last": counted.last });
        let target = counted.activation.to_string();
        audit::append(tx, op, &counted.action, Some(target), Entry::ok(change))?;
        sql::begin(tx, counted.activation, &counted.action, op.now)?;
    }
    Ok(looked_at)
}
