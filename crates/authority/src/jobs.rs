//! Jobs: work that outlives the transaction that asked for it.
//!
//! - The **queue** (`queue.rs`) is a table. A job is enqueued in the transaction that needs it, and claimed by moving its
//!   `due_at` behind the end of a lease: a process that dies leaves a job that is due again when the lease has ended.
//! - A **worker** (`worker.rs`) claims jobs and runs each in three phases (`step.rs`): *prepare* in a transaction, *perform* outside
//!   any, *settle* in a transaction that commits only while the lease still holds.
//! - The **schedule** (`schedule.rs`) is the table of everything that is due by the clock alone.
//! - What ended is kept for a while (`finished.rs`): jobs that were done, and the dead letters that an operator may retry.

mod finished;
mod kind;
mod metrics;
mod progress;
mod queue;
mod registry;
mod schedule;
mod sql;
mod step;
mod worker;

use std::future::Future;

use kaching_base::Seconds;
use kaching_db::Tx;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Authority, Error, Op, Result};

pub use finished::{JobFilter, JobRecord, JobState};
pub use kind::JobKind;
pub(crate) use metrics::JobMetrics;
pub(crate) use progress::Progress;
pub(crate) use queue::bring_forward;
pub(crate) use registry::KINDS;
pub(crate) use schedule::TaskReports;
pub use schedule::{TASKS, Task, TaskReport};
pub(crate) use sql::{QueueDepth, depth, remove_finished};

/// The time after which another process takes over a job whose process is silent.
pub const LEASE: Seconds = Seconds(60);

/// A kind of job. A value is one job's payload, stored as JSON.
pub trait Job: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name under which jobs of this kind are stored, and which audit entries give as the actor.
    const KIND: &'static str;
    /// Jobs of a higher priority are claimed first.
    const PRIORITY: i64 = 0;
    /// The failed attempts in a row after which a job becomes a dead letter.
    const ATTEMPTS: i64 = 20;

    /// The data that [`prepare`](Self::prepare) passes to [`perform`](Self::perform).
    type Prepared: Send + 'static;
    /// The data that [`perform`](Self::perform) passes to [`settle`](Self::settle).
    type Performed: Send + 'static;

    /// A second job of the same kind and key is not enqueued while the first one waits. While the first one runs or is
    /// tried again, it is run once more afterwards instead.
    fn deduplication_key(&self) -> Option<String> {
        None
    }

    /// Reads what the work needs, and writes what others must see while it runs.
    ///
    /// # Errors
    /// Any error has the job tried again.
    fn prepare(&self, tx: &mut Tx<'_>, op: &mut Op) -> Result<Self::Prepared>;

    /// Works outside any transaction, so it may wait for the network or a disk. Its lease is renewed meanwhile. A process
    /// may die at any moment, so the same job may be performed twice.
    fn perform(
        &self,
        authority: &Authority,
        prepared: Self::Prepared,
    ) -> impl Future<Output = Result<Self::Performed, JobError>> + Send;

    /// Writes the result. Nothing of it is kept if another process has taken the job over.
    ///
    /// # Errors
    /// Any error has the job tried again.
    fn settle(&self, tx: &mut Tx<'_>, op: &mut Op, performed: &Self::Performed) -> Result<Next<Self>>;
}

/// The rest of a job after a step.
pub enum Next<J> {
    /// It is done.
    Done,
    /// Another step, due immediately.
    Step(J),
}

/// Why a job could not be performed.
#[derive(Debug)]
pub enum JobError {
    /// It is tried again: after this time, or else after one that doubles with each attempt.
    Retry { after: Option<Seconds>, reason: String },
    /// No further attempt can succeed: it becomes a dead letter immediately.
    Fail { reason: String },
}

impl JobError {
    /// The job is tried again after this time.
    pub fn retry(after: Seconds, reason: impl Into<String>) -> Self {
        Self::Retry { after: Some(after), reason: reason.into() }
    }

    /// The job becomes a dead letter.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail { reason: reason.into() }
    }
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Retry { after: None, reason: error.to_string() }
    }
}
