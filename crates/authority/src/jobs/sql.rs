use kaching_base::Timestamp;
use kaching_db::{Tx, params};

use super::{Held, JobId};
use crate::Result;

/// How many jobs there are.
pub(crate) struct Depth {
    pub(crate) queued: i64,
    pub(crate) failing: i64,
    /// When the next one is due, or was.
    pub(crate) oldest_due: Option<Timestamp>,
}

pub(crate) fn depth(tx: &mut Tx<'_>) -> Result<Depth> {
    let sql = "select count(*), count(last_error), min(due_at) from jobs";
    Ok(tx.query_one(sql, &[], |row| {
        Ok(Depth { queued: row.get(0)?, failing: row.get(1)?, oldest_due: row.get(2)? })
    })?)
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    id: JobId,
    kind: &str,
    payload: &str,
    due: Timestamp,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "insert into jobs (id, kind, payload, due_at, lease, attempts, last_error, created_at)
         values (?1, ?2, ?3, ?4, null, 0, null, ?5)",
        params![id, kind, payload, due, now],
    )?;
    Ok(())
}

/// The job that is due longest and that no other transaction is just taking.
pub(super) fn next_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<Held>> {
    let sql = "select id, kind, payload, attempts from jobs where due_at <= ?1
               order by due_at, id limit 1 for update skip locked";
    Ok(tx.query_opt(sql, params![now], |row| {
        let (id, kind, payload) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Held { id, kind, payload, lease: [0; 16], attempts: row.get(3)? })
    })?)
}

pub(super) fn hold(tx: &mut Tx<'_>, held: &Held, until: Timestamp) -> Result<()> {
    tx.execute(
        "update jobs set due_at = ?2, lease = ?3, attempts = attempts + 1 where id = ?1",
        params![held.id, until, held.lease[..]],
    )?;
    Ok(())
}

/// Whether the lease still held.
pub(super) fn delete(tx: &mut Tx<'_>, id: JobId, lease: [u8; 16]) -> Result<bool> {
    Ok(tx.execute("delete from jobs where id = ?1 and lease = ?2", params![id, lease[..]])? == 1)
}

/// Whether the lease still held.
pub(super) fn give_back(
    tx: &mut Tx<'_>,
    id: JobId,
    lease: [u8; 16],
    payload: &str,
    due: Timestamp,
) -> Result<bool> {
    let given = tx.execute(
        "update jobs set payload = ?3, due_at = ?4, lease = null, attempts = 0, last_error = null
         where id = ?1 and lease = ?2",
        params![id, lease[..], payload, due],
    )?;
    Ok(given == 1)
}

pub(super) fn put_off(
    tx: &mut Tx<'_>,
    id: JobId,
    lease: [u8; 16],
    due: Timestamp,
    error: &str,
) -> Result<()> {
    tx.execute(
        "update jobs set due_at = ?3, lease = null, last_error = ?4 where id = ?1 and lease = ?2",
        params![id, lease[..], due, error],
    )?;
    Ok(())
}

/// What a clock that ran ahead has put off is due at this earlier moment.
pub(super) fn bring_back(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute("update jobs set due_at = ?1 where due_at > ?1", params![now])?;
    Ok(())
}
