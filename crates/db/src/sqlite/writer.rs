use std::{collections::VecDeque, time::Duration};

use crossbeam_channel::Receiver;
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    checkpoint::{CheckpointSchedule, Tail},
    fault::{self, CommitError},
};
use crate::{
    Error,
    job::{Job, Ran},
    moment,
    tx::Link,
};

/// The one thread that writes: everything that waits shares one commit.
///
/// Savepoints would keep each failure private, and cost a copy of every page that each job touches. Nearly all jobs
/// succeed, or fail before they write: so they run without, and where one does fail with something written, all that
/// shared its transaction run again with savepoints.
pub(super) struct Writer {
    connection: Connection,
    jobs: Receiver<Job>,
    fatal: watch::Sender<Option<Error>>,
    schedule: CheckpointSchedule,
    tail: Tail,
}

/// Half of the waiting transactions share a commit, so that the rest of the machine has something to do while the disk
/// writes it: at least `FEW`, at most `MANY`, and only those that come within `GATHER`. A batch is the last one in its
/// commit, because it already took half of the inputs that waited for it.
const FEW: usize = 24;
const MANY: usize = 256;
const GATHER: Duration = Duration::from_millis(10);

/// How a job's failure is isolated from the other jobs of its transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// No isolation: nearly all jobs succeed.
    None,
    Savepoints,
}

/// The result of one job in a shared transaction.
enum Ended {
    /// Its writes stay, or it wrote nothing; its caller gets this after the commit.
    Held(Result<(), Error>),
    /// It failed and has written, and the transaction holds what it wrote.
    Spoiled(Result<(), Error>),
    /// It ended the whole transaction, and the work of the others with it.
    Broken(Error),
}

/// A job and the outcome that its caller gets after the commit.
type Held = (Job, Result<(), Error>);

impl Writer {
    pub(super) fn new(
        connection: Connection,
        jobs: Receiver<Job>,
        fatal: watch::Sender<Option<Error>>,
        schedule: CheckpointSchedule,
        tail: Tail,
    ) -> Self {
        Self { connection, jobs, fatal, schedule, tail }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) -> Connection {
        while let Ok(job) = self.jobs.recv() {
            let Some(job) = job.claimed() else { continue };
            if let Some(error) = self.fatal.borrow().clone() {
                job.finish(Err(error));
                continue;
            }
            self.tail.finish(&self.connection);
            self.run_shared(job);
            self.schedule.committed();
        }
        self.connection
    }

    /// Runs a job and those that wait behind it in one transaction.
    fn run_shared(&mut self, first: Job) {
        let began = moment::now();
        let most = (self.jobs.len() / 2).clamp(FEW, MANY);
        let mut next = Some(first);
        self.transaction(Isolation::None, |jobs, held| {
            let full = held.len() >= most || held.last().is_some_and(|(job, _)| job.is_batch());
            let more = !full && began.elapsed() < GATHER;
            next.take().or_else(|| if more { waiting(jobs) } else { None })
        });
    }

    /// Runs each of these again in a transaction of its own: they had shared one that was lost through no fault of
    /// theirs, or that was too large for the disk.
    fn run_separately(&mut self, jobs: Vec<Held>) {
        for (job, outcome) in jobs {
            if outcome == Err(Error::Panicked) {
                job.finish(outcome);
                continue;
            }
            if let Some(error) = self.fatal.borrow().clone() {
                job.finish(Err(error));
                continue;
            }
            job.retried();
            let mut only = Some(job);
            self.transaction(Isolation::Savepoints, |_, _| only.take());
        }
    }

    /// Runs all of these again in one transaction, in their order.
    fn run_with_savepoints(&mut self, jobs: Vec<Held>) {
        let mut again = VecDeque::with_capacity(jobs.len());
        for (job, outcome) in jobs {
            match outcome {
                Err(Error::Panicked) => job.finish(outcome),
                _ => {
                    job.retried();
                    again.push_back(job);
                }
            }
        }
        self.transaction(Isolation::Savepoints, |_, _| again.pop_front());
    }

    fn transaction(
        &mut self,
        isolation: Isolation,
        mut next: impl FnMut(&Receiver<Job>, &[Held]) -> Option<Job>,
    ) {
        let Some(mut job) = next(&self.jobs, &[]) else { return };
        if let Err(error) = self.control("begin immediate") {
            let error = fault::meaning(job.name, error);
            return job.finish(Err(error));
        }
        let mut held = Vec::new();
        loop {
            let ended = match isolation {
                Isolation::None => self.run_unprotected(&mut job),
                Isolation::Savepoints => self.in_savepoint(&mut job),
            };
            match ended {
                Ended::Held(outcome) => held.push((job, outcome)),
                Ended::Spoiled(outcome) => {
                    // If even this fails, the next BEGIN says so.
                    let _ = self.control("rollback");
                    if held.is_empty() {
                        return job.finish(outcome);
                    }
                    held.push((job, outcome));
                    return self.run_with_savepoints(held);
                }
                Ended::Broken(error) => {
                    if error == Error::Full {
                        self.tail.ask();
                    }
                    job.finish(Err(error));
                    return self.run_separately(held);
                }
            }
            match next(&self.jobs, &held) {
                Some(following) => job = following,
                None => break,
            }
        }
        self.commit(held);
    }

    fn run_unprotected(&self, job: &mut Job) -> Ended {
        let before = self.connection.total_changes();
        let (keep, outcome) = match self.once(job) {
            Ok(ran) => ran,
            Err(error) => return Ended::Broken(error),
        };
        match keep || (!job.wrote && self.connection.total_changes() == before) {
            true => Ended::Held(outcome),
            false => Ended::Spoiled(outcome),
        }
    }

    /// Runs a job in the transaction that was begun: whether to keep its writes, and the outcome for its caller. An
    /// error is that of a transaction that is gone.
    fn once(&self, job: &mut Job) -> Result<(bool, Result<(), Error>), Error> {
        let ran = job.run(Link::Sqlite(&self.connection));
        // A full disk or a failed read may have ended the transaction around it.
        if self.connection.is_autocommit() {
            return Err(match ran {
                Ran::Fault(fault, _) => fault.error(),
                Ran::Panicked => Error::Panicked,
                Ran::Keep | Ran::Undo => {
                    Error::Statement { name: job.name, reason: "it ended the transaction itself".to_owned() }
                }
            });
        }
        Ok(match ran {
            Ran::Keep => (true, Ok(())),
            Ran::Undo | Ran::Fault(_, false) => (false, Ok(())),
            Ran::Fault(fault, true) => (false, Err(fault.error())),
            Ran::Panicked => (false, Err(Error::Panicked)),
        })
    }

    fn in_savepoint(&self, job: &mut Job) -> Ended {
        if let Err(error) = self.control("savepoint job") {
            return self.broken(fault::meaning(job.name, error));
        }
        let (keep, outcome) = match self.once(job) {
            Ok(ran) => ran,
            Err(error) => return Ended::Broken(error),
        };
        let closed = if keep {
            self.control("release job")
        } else {
            self.control("rollback to job").and_then(|()| self.control("release job"))
        };
        match closed {
            Ok(()) => Ended::Held(outcome),
            Err(error) => self.broken(fault::meaning(job.name, error)),
        }
    }

    /// A savepoint that cannot be opened or closed leaves nothing to build on.
    fn broken(&self, error: Error) -> Ended {
        if !self.connection.is_autocommit() {
            // If even this fails, the next BEGIN says so.
            let _ = self.control("rollback");
        }
        Ended::Broken(error)
    }

    fn commit(&mut self, held: Vec<Held>) {
        let Err(error) = self.control("commit") else {
            for (job, outcome) in held {
                job.finish(outcome);
            }
            return;
        };
        if !self.connection.is_autocommit() {
            let _ = self.control("rollback");
        }
        match fault::commit(error) {
            CommitError::Unknown(error) => {
                tracing::error!(%error, "a commit failed on disk: the process must end");
                for (job, _) in held {
                    job.finish(Err(Error::OutcomeUnknown));
                }
                self.fatal.send_replace(Some(error));
            }
            CommitError::Undone(error) if held.len() == 1 => {
                if error == Error::Full {
                    self.tail.ask();
                }
                for (job, _) in held {
                    job.finish(Err(error.clone()));
                }
            }
            CommitError::Undone(_) => self.run_separately(held),
        }
    }

    fn control(&self, sql: &str) -> rusqlite::Result<()> {
        super::control(&self.connection, sql)
    }
}

/// The next job that still wants to run, if one waits.
fn waiting(jobs: &Receiver<Job>) -> Option<Job> {
    loop {
        if let Some(job) = jobs.try_recv().ok()?.claimed() {
            return Some(job);
        }
    }
}
