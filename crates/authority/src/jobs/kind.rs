//! A kind of job as the worker sees it.

use std::{future::Future, pin::Pin};

use super::{Job, JobError, sql::ClaimedJob, step::run_step};
use crate::Authority;

/// A kind of job as the worker sees it.
pub struct JobKind {
    name: &'static str,
    attempts: i64,
    run: for<'a> fn(&'a Authority, &'a ClaimedJob) -> JobFuture<'a>,
}

type JobFuture<'a> = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send + 'a>>;

impl JobKind {
    /// The kind of these jobs.
    pub const fn of<J: Job>() -> Self {
        Self {
            name: J::KIND,
            attempts: J::ATTEMPTS,
            run: |authority, job| Box::pin(run_step::<J>(authority, job)),
        }
    }

    /// The name under which jobs of this kind are stored.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn attempts(&self) -> i64 {
        self.attempts
    }

    pub(super) fn run<'a>(&self, authority: &'a Authority, job: &'a ClaimedJob) -> JobFuture<'a> {
        (self.run)(authority, job)
    }
}

impl Authority {
    /// The same authority, whose worker also does jobs of these kinds.
    pub fn with_job_kinds(mut self, kinds: &'static [JobKind]) -> Self {
        self.job_kinds.push(kinds);
        self
    }
}
