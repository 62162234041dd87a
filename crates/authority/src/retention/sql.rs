use kaching_base::{ActivationId, AuditId, Timestamp};
use kaching_db::{Sql, Tx, params};

use super::{BATCH_ROWS, Position, RemovedBatch};
use crate::Result;

/// The first id of a moment: ids of entries are in the order of their milliseconds.
fn first_id(at: Timestamp) -> AuditId {
    AuditId::new(at, [0; 10])
}

pub(super) fn remove_personal(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from audit_private where id in (select id from audit_private where id < ?1 order by id limit ?2)",
        params![first_id(before), BATCH_ROWS],
    )?)
}

/// Removes entries with their personal part, which may be kept for longer by its own setting.
pub(super) fn remove_entries(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    tx.execute(
        "delete from audit_private where id in (select id from audit_entries where id < ?1 order by id limit ?2)",
        params![first_id(before), BATCH_ROWS],
    )?;
    Ok(tx.execute(
        "delete from audit_entries where id in (select id from audit_entries where id < ?1 order by id limit ?2)",
        params![first_id(before), BATCH_ROWS],
    )?)
}

pub(super) fn remove_usage(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from usage_reports where (activation, meter, seq) in
           (select activation, meter, seq from usage_reports where received_at < ?1 order by received_at limit ?2)",
        params![before, BATCH_ROWS],
    )?)
}

pub(super) fn remove_moves(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from moves where (license, at, from_activation) in
           (select license, at, from_activation from moves where at < ?1 order by at limit ?2)",
        params![before, BATCH_ROWS],
    )?)
}

pub(super) fn remove_displaced(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64> {
    Ok(tx.execute(
        "delete from displaced_generations where (activation, generation) in
           (select activation, generation from displaced_generations where at < ?1 order by at limit ?2)",
        params![before, BATCH_ROWS],
    )?)
}

/// The statuses of those that hold no slot.
const STATUSES: [&str; 4] = ["lapsed", "superseded", "deactivated", "released"];

/// Looks at the next installations that hold no slot, and removes those that have not called since this moment and may
/// not run any more. One whose usage is kept stays with it, one under suspicion until an operator decides.
pub(super) fn remove_installations(
    tx: &mut Tx<'_>,
    before: Timestamp,
    at: &mut Position,
) -> Result<RemovedBatch> {
    let Some(status) = STATUSES.get(at.status) else { return Ok(RemovedBatch { removed: 0, more: false }) };
    let sql =
        "select id, last_seen_at < ?3 and run_until < ?3 and coalesce(move_ends_at, 0) < ?3 and not suspected
                 and not exists (select 1 from usage_reports u where u.activation = a.id)
                 and not exists (select 1 from usage_inbox i where i.activation = a.id)
               from activations a where status = ?1 and status <> 'active' and id > ?2 order by id limit ?4";
    let after = at.after.unwrap_or(ActivationId::from_bytes([0; 16]));
    let examined: Vec<(ActivationId, bool)> =
        tx.query_all(sql, params![*status, after, before, BATCH_ROWS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match examined.last() {
        Some((id, _)) => at.after = Some(*id),
        None => (at.status, at.after) = (at.status + 1, None),
    }
    let old: Vec<_> = examined.into_iter().filter(|(_, old)| *old).map(|(id, _)| id).collect();
    let removed = old.len() as u64;
    if !old.is_empty() {
        remove_installations_of(tx, &old)?;
    }
    Ok(RemovedBatch { removed, more: true })
}

/// Removes these with all that refers to them. One that came back in this moment stays.
fn remove_installations_of(tx: &mut Tx<'_>, ids: &[ActivationId]) -> Result<()> {
    remove_of(tx, Sql::new("delete from displaced_generations where activation in "), ids, "")?;
    remove_of(tx, Sql::new("delete from activation_nonces where activation in "), ids, "")?;
    remove_of(tx, Sql::new("delete from moves where from_activation in "), ids, "")?;
    remove_of(tx, Sql::new("delete from moves where to_activation in "), ids, "")?;
    remove_of(tx, Sql::new("delete from level_use where activation in "), ids, "")?;
    remove_of(tx, Sql::new("delete from fingerprint_spellings where activation in "), ids, "")?;
    let words = Sql::new("delete from search_words where target in ");
    remove_of(tx, words, ids, " and noun = 'activation'")?;
    remove_of(tx, Sql::new("delete from activations where id in "), ids, " and status <> 'active'")
}

fn remove_of(tx: &mut Tx<'_>, mut sql: Sql, ids: &[ActivationId], end: &'static str) -> Result<()> {
    sql.list(ids.iter().copied()).push(end);
    tx.execute(&sql, sql.params())?;
    Ok(())
}
