//! The statements of jobs. `jobs` holds those that wait or run, `finished_jobs` those that have ended.

use kaching_base::{JobId, Seconds, Timestamp};
use kaching_db::{Tx, params};

use crate::Result;

/// A job that this process has claimed.
#[derive(Clone)]
pub(crate) struct ClaimedJob {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) payload: String,
    /// Random bytes that no other process has: a settlement under another lease is undone.
    pub(crate) lease: [u8; 16],
    /// This attempt included.
    pub(crate) attempts: i64,
}

/// The number of jobs by state.
pub(crate) struct QueueDepth {
    pub(crate) queued: i64,
    pub(crate) failing: i64,
    pub(crate) dead: i64,
    /// When the next one is due, or was.
    pub(crate) oldest_due: Option<Timestamp>,
}

pub(crate) fn depth(tx: &mut Tx<'_>) -> Result<QueueDepth> {
    let sql = "select count(*), count(last_error), min(due_at),
                 (select count(*) from finished_jobs where outcome = 'dead') from jobs";
    Ok(tx.query_one(sql, &[], |row| {
        Ok(QueueDepth {
            queued: row.get(0)?,
            failing: row.get(1)?,
            oldest_due: row.get(2)?,
            dead: row.get(3)?,
        })
    })?)
}

/// A job that is enqueued.
pub(super) struct NewJob<'j> {
    pub(super) id: JobId,
    pub(super) kind: &'static str,
    pub(super) payload: &'j str,
    pub(super) priority: i64,
    pub(super) deduplication_key: Option<String>,
}

/// Inserts a job that is due now. Where one with the same key has begun, it is run once more with this payload instead;
/// where one waits, it is enough.
pub(super) fn insert(tx: &mut Tx<'_>, job: &NewJob<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        "insert into jobs (id, kind, payload, priority, deduplication_key, due_at, lease, attempts, last_error, steps,
                created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, null, 0, null, 0, ?6)
         on conflict (kind, deduplication_key) where deduplication_key is not null do update set next_payload =
           case when jobs.lease is null and jobs.attempts = 0 and jobs.steps = 0 then jobs.next_payload
                else excluded.payload end",
        params![job.id, job.kind, job.payload, job.priority, job.deduplication_key.as_deref(), now],
    )?;
    Ok(())
}

/// Locks the job of the highest priority that is due longest and that no other transaction is just claiming.
pub(super) fn lock_next_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<Option<ClaimedJob>> {
    let sql = "select id, kind, payload, attempts from jobs where due_at <= ?1
               order by priority desc, due_at, id limit 1 for update skip locked";
    Ok(tx.query_opt(sql, params![now], |row| {
        let (id, kind, payload) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(ClaimedJob { id, kind, payload, lease: [0; 16], attempts: row.get(3)? })
    })?)
}

pub(super) fn set_lease(tx: &mut Tx<'_>, job: &ClaimedJob, until: Timestamp) -> Result<()> {
    tx.execute(
        "update jobs set due_at = ?2, lease = ?3, attempts = ?4 where id = ?1",
        params![job.id, until, job.lease[..], job.attempts],
    )?;
    Ok(())
}

/// Returns whether the lease still held.
pub(super) fn renew_lease(tx: &mut Tx<'_>, job: &ClaimedJob, until: Timestamp) -> Result<bool> {
    let sql = "update jobs set due_at = ?3 where id = ?1 and lease = ?2";
    Ok(tx.execute(sql, params![job.id, job.lease[..], until])? == 1)
}

/// Ends a job. Returns whether the lease still held.
pub(super) fn finish(
    tx: &mut Tx<'_>,
    job: &ClaimedJob,
    outcome: &'static str,
    error: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    let sql = "insert into finished_jobs (id, kind, payload, priority, deduplication_key, outcome, attempts, last_error,
                 created_at, finished_at)
               select id, kind, coalesce(next_payload, payload), priority, deduplication_key, cast(?3 as text), attempts,
                 cast(?4 as text), created_at, cast(?5 as bigint) from jobs where id = ?1 and lease = ?2";
    if tx.execute(sql, params![job.id, job.lease[..], outcome, error, now])? == 0 {
        return Ok(false);
    }
    let sql = "delete from jobs where id = ?1 and lease = ?2";
    Ok(tx.execute(sql, params![job.id, job.lease[..]])? == 1)
}

/// Puts a job back into the queue that was enqueued again while it ran. Returns whether it was, and the lease still held.
pub(super) fn restart(tx: &mut Tx<'_>, job: &ClaimedJob, now: Timestamp) -> Result<bool> {
    let restarted = tx.execute(
        "update jobs set payload = next_payload, next_payload = null, due_at = ?3, lease = null, attempts = 0, steps = 0,
           last_error = null
         where id = ?1 and lease = ?2 and next_payload is not null",
        params![job.id, job.lease[..], now],
    )?;
    Ok(restarted == 1)
}

/// Puts a job back into the queue for its next step. Returns whether the lease still held.
pub(super) fn continue_with(
    tx: &mut Tx<'_>,
    job: &ClaimedJob,
    payload: &str,
    now: Timestamp,
) -> Result<bool> {
    let continued = tx.execute(
        "update jobs set payload = ?3, due_at = ?4, lease = null, attempts = 0, steps = steps + 1, last_error = null
         where id = ?1 and lease = ?2",
        params![job.id, job.lease[..], payload, now],
    )?;
    Ok(continued == 1)
}

pub(super) fn postpone(tx: &mut Tx<'_>, job: &ClaimedJob, due: Timestamp, error: &str) -> Result<()> {
    tx.execute(
        "update jobs set due_at = ?3, lease = null, last_error = ?4 where id = ?1 and lease = ?2",
        params![job.id, job.lease[..], due, error],
    )?;
    Ok(())
}

/// Makes jobs due now that are due later.
pub(super) fn bring_forward(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute("update jobs set due_at = ?1 where due_at > ?1", params![now])?;
    Ok(())
}

/// Makes a failing job due now. Returns whether there is one with this id.
pub(super) fn retry_failing(tx: &mut Tx<'_>, id: JobId, now: Timestamp) -> Result<bool> {
    let sql = "update jobs set due_at = ?2, attempts = 0
               where id = ?1 and lease is null and last_error is not null";
    Ok(tx.execute(sql, params![id, now])? == 1)
}

/// Puts a dead letter back into the queue. Returns whether there is one with this id.
pub(super) fn retry_dead(tx: &mut Tx<'_>, id: JobId, now: Timestamp) -> Result<bool> {
    let sql = "insert into jobs (id, kind, payload, priority, deduplication_key, due_at, lease, attempts, last_error,
                 steps, created_at)
               select id, kind, payload, priority, deduplication_key, cast(?2 as bigint), null, 0, last_error, 0, created_at
               from finished_jobs where id = ?1 and outcome = 'dead'";
    if tx.execute(sql, params![id, now])? == 0 {
        return Ok(false);
    }
    tx.execute("delete from finished_jobs where id = ?1", params![id])?;
    Ok(true)
}

/// Returns whether another job waits or runs that has the key of this dead letter.
pub(super) fn is_superfluous(tx: &mut Tx<'_>, id: JobId) -> Result<bool> {
    let sql = "select 1 from jobs j join finished_jobs f on f.kind = j.kind and f.deduplication_key = j.deduplication_key
               where f.id = ?1";
    Ok(tx.query_opt(sql, params![id], |_| Ok(()))?.is_some())
}

/// Jobs that were done are kept for a week, dead letters for a quarter of a year.
const DONE_RETENTION: Seconds = Seconds::days(7);
const DEAD_RETENTION: Seconds = Seconds::days(90);

/// Removes jobs that ended long ago, at most `limit` of each outcome. Returns how many.
pub(crate) fn remove_finished(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    let sql = "delete from finished_jobs where id in
                 (select id from finished_jobs where outcome = ?1 and finished_at < ?2 order by finished_at limit ?3)";
    let done = tx.execute(sql, params!["done", now - DONE_RETENTION, limit])?;
    let dead = tx.execute(sql, params!["dead", now - DEAD_RETENTION, limit])?;
    Ok(done + dead)
}
