//! Jobs: work that outlives the transaction that asked for it, done in steps of one transaction each.
//!
//! A job is a row. It is taken by moving its `due_at` behind the time that a step may last, under a lease that the
//! step's own transaction gives up; a process that dies in between leaves a job that is due again a minute later.

mod registry;
mod sql;

use kaching_base::{Id, IdKind, Seconds, Timestamp};
use kaching_db::Tx;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Authority, Cx, Error, Op, Result};

pub(crate) use registry::Kind;
pub(crate) use sql::{Depth, depth};

/// Names the ids of jobs.
pub(crate) enum JobKind {}
impl IdKind for JobKind {
    const PREFIX: &'static str = "job";
}
pub(crate) type JobId = Id<JobKind>;

/// A job that this process holds.
#[derive(Clone)]
pub(crate) struct Held {
    id: JobId,
    kind: String,
    payload: String,
    lease: [u8; 16],
    attempts: i64,
}

/// What a step leaves.
pub(crate) enum Step {
    Done,
    /// The payload of the next step, which is due at once.
    Again(String),
}

/// How long a step may last before another process takes the job.
const LEASE: Seconds = Seconds(60);

/// The steps of one call, so that the caller can stop in between.
const STEPS: u64 = 1000;

impl Held {
    pub(crate) fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.payload).map_err(|error| Error::stored("job", error))
    }
}

impl Step {
    pub(crate) fn again<T: Serialize>(payload: &T) -> Result<Self> {
        json(payload).map(Self::Again)
    }
}

/// Puts a job into the queue; it is there if this transaction commits.
pub(crate) fn enqueue<T: Serialize>(
    tx: &mut Tx<'_>,
    op: &mut Op,
    kind: Kind,
    payload: &T,
    due: Timestamp,
) -> Result<()> {
    let id = op.id();
    sql::insert(tx, id, kind.as_str(), &json(payload)?, due, op.now)
}

/// What a clock that ran ahead has put off is due at this earlier moment.
///
/// # Errors
/// If the database does not take it.
pub(crate) fn bring_back(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    sql::bring_back(tx, now)
}

fn json<T: Serialize>(payload: &T) -> Result<String> {
    serde_json::to_string(payload)
        .map_err(|error| Error::Failure(format!("a job cannot be written down: {error}")))
}

impl Authority {
    /// Does what is due: periodic work once, then the jobs of the queue until none is due. Says how many steps it
    /// took; a job that failed is tried again later.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub async fn run_jobs(&self) -> Result<u64> {
        // A wrong clock makes nothing due; `/ready` and the log say that it is wrong.
        if self.check_clock(self.now()).is_err() {
            return Ok(0);
        }
        let mut steps = self.run_periodic().await?;
        while steps < STEPS {
            let Some(held) = self.write("jobs.take", Cx::system("jobs"), take).await? else {
                break;
            };
            self.run_step(held).await?;
            steps += 1;
        }
        Ok(steps)
    }

    async fn run_step(&self, held: Held) -> Result<()> {
        let Some(kind) = Kind::from_word(&held.kind) else {
            return self.put_off(held, "this version knows no such job".to_owned()).await;
        };
        let step = held.clone();
        let done = self.write(kind.as_str(), Cx::system(kind.as_str()), move |tx, op| {
            let left = kind.step(tx, op, &step)?;
            let held = match &left {
                Step::Done => sql::delete(tx, step.id, step.lease)?,
                Step::Again(payload) => sql::give_back(tx, step.id, step.lease, payload, op.now)?,
            };
            // Whoever took it in the meantime does this step: undo ours.
            if held { Ok(()) } else { Err(Error::Failure("the job's lease has ended".to_owned())) }
        });
        match done.await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(job = kind.as_str(), id = %held.id, %error, "a job failed and is tried again");
                self.put_off(held, error.to_string()).await
            }
        }
    }

    /// Tries again after a time that doubles from ten seconds to an hour.
    async fn put_off(&self, held: Held, error: String) -> Result<()> {
        let wait = Seconds((10 << held.attempts.clamp(0, 9)).min(3600));
        self.write("jobs.put_off", Cx::system("jobs"), move |tx, op| {
            let error: String = error.chars().filter(|c| *c != '\0').take(500).collect();
            sql::put_off(tx, held.id, held.lease, op.now + wait, &error)
        })
        .await
    }
}

fn take(tx: &mut Tx<'_>, op: &mut Op) -> Result<Option<Held>> {
    let Some(mut held) = sql::next_due(tx, op.now)? else { return Ok(None) };
    held.lease = op.random();
    sql::hold(tx, &held, op.now + LEASE)?;
    Ok(Some(held))
}
