//! One step of a job, in its three phases.

use std::{pin::pin, time::Duration};

use kaching_db::Tx;
use tokio::time::timeout;

use super::{
    Job, JobError, LEASE, Next,
    queue::{job_of, payload_of},
    sql,
    sql::ClaimedJob,
};
use crate::{Authority, Cx, Error, Op, Result};

/// The interval at which the lease of a running job is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(20);

/// Runs one step of a job: prepare, perform, settle.
pub(super) async fn run_step<J: Job>(authority: &Authority, claimed: &ClaimedJob) -> Result<(), JobError> {
    let job: J = job_of(&claimed.payload)?;
    let preparing = job.clone();
    let prepared =
        authority.write(J::KIND, Cx::system(J::KIND), move |tx, op| preparing.prepare(tx, op)).await?;
    let performed = perform_under_lease(authority, claimed, &job, prepared).await?;
    let (claimed, kind) = (claimed.clone(), J::KIND);
    let done = authority.write(kind, Cx::system(kind), move |tx, op| {
        let next = job.settle(tx, op, &performed)?;
        settle(tx, op, &claimed, next)
    });
    if done.await? {
        authority.metrics.jobs.done(kind);
    }
    Ok(())
}

/// Performs a job while its lease is renewed, and drops the work where another process has taken the job over.
async fn perform_under_lease<J: Job>(
    authority: &Authority,
    claimed: &ClaimedJob,
    job: &J,
    prepared: J::Prepared,
) -> Result<J::Performed, JobError> {
    let mut performing = pin!(job.perform(authority, prepared));
    loop {
        match timeout(RENEWED_EVERY, &mut performing).await {
            Ok(performed) => return performed,
            Err(_) if renew_lease(authority, claimed).await? => {}
            Err(_) => return Err(lease_ended().into()),
        }
    }
}

/// Writes the rest of a job. Returns whether it is done.
///
/// # Errors
/// If another process has taken the job over, so that all that this step wrote is undone.
fn settle<J: Job>(tx: &mut Tx<'_>, op: &mut Op, claimed: &ClaimedJob, next: Next<J>) -> Result<bool> {
    let (held, done) = match next {
        Next::Step(job) => (sql::continue_with(tx, claimed, &payload_of(&job)?, op.now)?, false),
        Next::Done => {
            let held = sql::restart(tx, claimed, op.now)? || sql::finish(tx, claimed, "done", None, op.now)?;
            (held, true)
        }
    };
    if held { Ok(done) } else { Err(lease_ended()) }
}

fn lease_ended() -> Error {
    Error::Failure("the job's lease has ended".to_owned())
}

async fn renew_lease(authority: &Authority, claimed: &ClaimedJob) -> Result<bool> {
    let claimed = claimed.clone();
    authority
        .write("jobs.renew_lease", Cx::system("jobs"), move |tx, op| {
            sql::renew_lease(tx, &claimed, op.now + LEASE)
        })
        .await
}
