//! Claims jobs and runs them.

use std::{future::Future, pin::pin, time::Duration};

use kaching_base::Seconds;
use tokio::time::Instant;

use super::{JobError, JobKind, queue::claim, sql, sql::ClaimedJob};
use crate::{Authority, Cx, Result};

/// The interval of polls for jobs that another process enqueued, or that were postponed.
const POLLED_EVERY: Duration = Duration::from_secs(5);
/// The steps of one call of `run_jobs`.
const STEPS: u64 = 1000;
/// The most characters of an error that is stored.
const ERROR_LENGTH: usize = 500;

impl Authority {
    /// Runs the tasks of the schedule that belong to each round of jobs, then the jobs of the queue until none is due.
    /// Returns how many steps that were. A job that failed is tried again later.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub async fn run_jobs(&self) -> Result<u64> {
        // A wrong clock makes nothing due; `/ready` and the log say that it is wrong.
        if self.check_clock(self.now()).is_err() {
            return Ok(0);
        }
        let mut steps = self.run_tasks().await?;
        while steps < STEPS && self.run_next_job().await? {
            steps += 1;
        }
        Ok(steps)
    }

    /// Runs one job after the other until `stop` ends, and then ends with the one that runs. A job that this process
    /// enqueues begins as soon as its transaction has committed. Several of these may run in one process.
    pub async fn work_on_jobs(&self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            // A wrong clock makes nothing due; `/ready` and the log say that it is wrong.
            let ran = match self.check_clock(self.now()) {
                Ok(()) => self.run_next_job().await,
                Err(_) => Ok(false),
            };
            let wait = match ran {
                Ok(true) => Duration::ZERO,
                Ok(false) => POLLED_EVERY,
                Err(error) => {
                    // What makes a server not ready is logged once, by the task that measures.
                    if error.out_of_order().is_none() {
                        tracing::warn!(%error, "jobs could not run; they are tried again");
                    }
                    POLLED_EVERY
                }
            };
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = self.jobs_enqueued.notified(), if !wait.is_zero() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Claims a job and runs one step of it. Returns whether one was due.
    async fn run_next_job(&self) -> Result<bool> {
        let Some(job) = self.write("jobs.claim", Cx::system("jobs"), claim).await? else {
            return Ok(false);
        };
        // Where one was due, another may be.
        self.jobs_enqueued.notify_one();
        match self.job_kinds.iter().flat_map(|kinds| kinds.iter()).find(|kind| kind.name() == job.kind) {
            Some(kind) if job.attempts > kind.attempts() => {
                self.make_dead_letter(kind, job, "the process that ran it ended in each attempt".to_owned())
                    .await?;
            }
            Some(kind) => self.run_measured(kind, job).await?,
            None => {
                let reason = "this version does not know this kind of job; a later one does it";
                self.postpone(&job, None, reason.to_owned()).await?;
            }
        }
        Ok(true)
    }

    async fn run_measured(&self, kind: &JobKind, job: ClaimedJob) -> Result<()> {
        let began = Instant::now();
        self.metrics.jobs.began(kind.name());
        let ran = kind.run(self, &job).await;
        self.metrics.jobs.ended(kind.name(), began.elapsed());
        let Err(error) = ran else { return Ok(()) };
        match error {
            JobError::Retry { after, reason } if job.attempts < kind.attempts() => {
                self.metrics.jobs.failed(kind.name());
                tracing::warn!(job = kind.name(), id = %job.id, error = reason, "a job failed and is tried again");
                self.postpone(&job, after, reason).await
            }
            JobError::Retry { reason, .. } | JobError::Fail { reason } => {
                self.make_dead_letter(kind, job, reason).await
            }
        }
    }

    /// Postpones a job by this time, or by one that doubles from ten seconds to an hour.
    async fn postpone(&self, job: &ClaimedJob, after: Option<Seconds>, reason: String) -> Result<()> {
        let wait = after.unwrap_or(Seconds((10 << job.attempts.clamp(0, 9)).min(3600)));
        let (job, reason) = (job.clone(), storable(&reason));
        self.write("jobs.put_off", Cx::system("jobs"), move |tx, op| {
            sql::postpone(tx, &job, op.now + wait, &reason)
        })
        .await
    }

    /// Makes a dead letter of a job, unless another process has taken it over.
    async fn make_dead_letter(&self, kind: &JobKind, job: ClaimedJob, reason: String) -> Result<()> {
        self.metrics.jobs.failed(kind.name());
        let (id, stored) = (job.id, storable(&reason));
        let is_dead = self.write("jobs.bury", Cx::system("jobs"), move |tx, op| {
            sql::finish(tx, &job, "dead", Some(&stored), op.now)
        });
        if is_dead.await? {
            self.metrics.jobs.died(kind.name());
            tracing::error!(job = kind.name(), %id, reason, "a job is a dead letter now: kaching job retry tries it again");
        }
        Ok(())
    }
}

/// An error as it is stored: without characters that PostgreSQL refuses, and of limited length.
fn storable(reason: &str) -> String {
    reason.chars().filter(|c| *c != '\0').take(ERROR_LENGTH).collect()
}
