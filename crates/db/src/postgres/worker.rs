use std::{
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{
    check,
    connect::Server,
    session::{CommitFailure, Session},
};
use crate::{
    Error, Result,
    error::Fault,
    job::{Job, Ran},
    metrics::TxKind,
    moment,
    tx::Link,
};

/// A thread with a connection, which it makes again when it is lost.
pub(super) struct Worker {
    server: Server,
    kind: TxKind,
    session: Option<Session>,
    /// Whether a connection was lost: then its return is logged.
    lost: bool,
}

/// Runs of one transaction before it fails because too many others are in its way.
const RUNS: u32 = 12;
const RETRY: Duration = Duration::from_millis(2);
const RETRY_MOST: Duration = Duration::from_millis(200);
const RECONNECT: Duration = Duration::from_millis(25);
/// A standby that takes over is found this soon.
const RECONNECT_MOST: Duration = Duration::from_millis(250);

/// The outcome of one attempt at a transaction.
enum Attempt {
    /// The caller gets this answer.
    Ended(Result<()>),
    /// Nothing was changed, and it may be tried again.
    Retry(Error),
}

impl Worker {
    pub(super) fn new(server: Server, kind: TxKind) -> Self {
        Self { server, kind, session: None, lost: false }
    }

    /// Tries once to connect, and looks whether the database is one that can be used.
    pub(super) fn begin(&mut self) -> Result<()> {
        let (mut client, warned) = self.server.connect()?;
        check::check(&mut client)?;
        self.session = Some(Session::new((client, warned))?);
        Ok(())
    }

    /// Tries once to connect.
    fn connect(&mut self) -> Result<()> {
        self.session = Some(Session::new(self.server.connect()?)?);
        Ok(())
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            if let Some(mut job) = job.claimed() {
                let outcome = self.persist(&mut job);
                job.finish(outcome);
            }
        }
    }

    fn persist(&mut self, job: &mut Job) -> Result<()> {
        let mut pause = RETRY;
        for run in 1.. {
            if run > 1 {
                job.retried();
            }
            self.connected(job.deadline)?;
            match self.attempt(job) {
                Attempt::Ended(outcome) => return outcome,
                Attempt::Retry(error) => {
                    let pause_now = moment::jitter(pause);
                    if run == RUNS || moment::now() + pause_now > job.deadline {
                        return Err(error);
                    }
                    thread::sleep(pause_now);
                    pause = (pause * 2).min(RETRY_MOST);
                }
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Waits for a connection as long as the transaction may wait.
    fn connected(&mut self, deadline: Instant) -> Result<()> {
        let mut pause = RECONNECT;
        while self.session.is_none() {
            let Err(error) = self.connect() else {
                if std::mem::take(&mut self.lost) {
                    tracing::info!("connected to PostgreSQL again");
                }
                break;
            };
            let pause_now = moment::jitter(pause);
            if moment::now() + pause_now > deadline {
                return Err(error);
            }
            thread::sleep(pause_now);
            pause = (pause * 2).min(RECONNECT_MOST);
        }
        Ok(())
    }

    fn attempt(&mut self, job: &mut Job) -> Attempt {
        let Some(session) = &mut self.session else {
            return Attempt::Retry(Error::Unavailable("there is no connection".to_owned()));
        };
        if let Err(fault) = session.begin(job.name, self.kind, job.deadline) {
            return self.failed(job.name, fault);
        }
        match job.run(Link::Postgres(session)) {
            Ran::Keep => match session.commit(job.name) {
                Ok(()) => Attempt::Ended(Ok(())),
                Err(CommitFailure::Undone(fault)) => self.failed(job.name, fault),
                Err(CommitFailure::Unknown) => {
                    self.lose("the answer to a commit did not arrive");
                    // A read has nothing to commit: what it saw is what it saw.
                    Attempt::Ended(if self.kind == TxKind::Read {
                        Ok(())
                    } else {
                        Err(Error::OutcomeUnknown)
                    })
                }
            },
            Ran::Undo => self.undo(job.name, Ok(())),
            Ran::Panicked => self.undo(job.name, Err(Error::Panicked)),
            // The closure has made an error of its own out of one that is final: the caller gets that one.
            Ran::Fault(Fault::Final(_), false) => self.undo(job.name, Ok(())),
            Ran::Fault(fault, _) => self.failed(job.name, fault),
        }
    }

    fn failed(&mut self, name: &'static str, fault: Fault) -> Attempt {
        match fault {
            Fault::Final(error) => self.undo(name, Err(error)),
            Fault::Again => {
                let error = fault.error();
                if let Some(session) = &mut self.session {
                    session.forget();
                }
                self.undo(name, Ok(()));
                Attempt::Retry(error)
            }
            Fault::Lost(ref reason) => {
                self.lose(reason);
                Attempt::Retry(fault.error())
            }
        }
    }

    /// Rolls back; a connection on which that fails is of no more use, and the server rolls back when it closes.
    fn undo(&mut self, name: &'static str, outcome: Result<()>) -> Attempt {
        if let Some(session) = &mut self.session
            && session.rollback(name).is_err()
        {
            self.lose("a rollback failed");
        }
        Attempt::Ended(outcome)
    }

    fn lose(&mut self, reason: &str) {
        self.session = None;
        self.lost = true;
        tracing::warn!(reason, "the connection to PostgreSQL was lost");
    }
}
