//! Puts jobs into the queue, and claims them.

use kaching_base::Timestamp;
use kaching_db::Tx;

use super::{Job, LEASE, sql, sql::ClaimedJob};
use crate::{Authority, Cx, Error, Op, Result};

impl Op {
    /// Puts a job into the queue. It is there if this transaction commits, and then wakes the worker.
    ///
    /// # Errors
    /// If the database does not take it.
    pub fn enqueue<J: Job>(&mut self, tx: &mut Tx<'_>, job: &J) -> Result<()> {
        let new = sql::NewJob {
            id: self.id(),
            kind: J::KIND,
            payload: &payload_of(job)?,
            priority: J::PRIORITY,
            deduplication_key: job.deduplication_key(),
        };
        sql::insert(tx, &new, self.now)?;
        self.wake_workers();
        Ok(())
    }
}

impl Authority {
    /// Puts a job into the queue, in a transaction of its own.
    ///
    /// # Errors
    /// If the database does not take it.
    pub async fn enqueue_job<J: Job>(&self, cx: Cx, job: J) -> Result<()> {
        self.write("jobs.enqueue", cx, move |tx, op| op.enqueue(tx, &job)).await
    }
}

pub(super) fn payload_of<J: Job>(job: &J) -> Result<String> {
    serde_json::to_string(job)
        .map_err(|error| Error::Failure(format!("a job cannot be written as JSON: {error}")))
}

pub(super) fn job_of<J: Job>(payload: &str) -> Result<J> {
    serde_json::from_str(payload).map_err(|error| Error::stored("job", error))
}

/// Claims the next job that is due, if there is one.
pub(super) fn claim(tx: &mut Tx<'_>, op: &mut Op) -> Result<Option<ClaimedJob>> {
    let Some(mut job) = sql::lock_next_due(tx, op.now)? else { return Ok(None) };
    job.lease = op.random();
    job.attempts += 1;
    sql::set_lease(tx, &job, op.now + LEASE)?;
    Ok(Some(job))
}

/// Makes jobs due now that a clock ahead of time had postponed.
///
/// # Errors
/// If the database does not take it.
pub(crate) fn bring_forward(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    sql::bring_forward(tx, now)
}
