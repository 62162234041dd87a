//! A transaction on its way from the caller to a thread that owns a connection, and back.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use tokio::sync::oneshot;

use crate::{
    Error, Tx,
    error::Fault,
    metrics::{Metrics, TxKind},
    moment,
    tx::Link,
};

/// A closure that waits for a connection.
pub(crate) struct Job {
    pub(crate) name: &'static str,
    pub(crate) kind: TxKind,
    pub(crate) deadline: Instant,
    /// Whether the last run asked for anything to be written.
    pub(crate) wrote: bool,
    queued: Instant,
    claim: Claim,
    work: Box<dyn Work>,
    metrics: Metrics,
}

/// The outcome of one run of a closure.
pub(crate) enum Ran {
    /// Commit, then tell the caller.
    Keep,
    /// Roll back, then tell the caller what the closure returned.
    Undo,
    /// A statement failed, and the engine decides what follows; false if the closure returned an error, too.
    Fault(Fault, bool),
    /// Roll back; the closure is not to be used again.
    Panicked,
}

/// Caller and thread agree by it who has the last word: a job is either started or abandoned, never both.
#[derive(Clone, Default)]
pub(crate) struct Claim(Arc<AtomicU8>);

const WAITING: u8 = 0;
const STARTED: u8 = 1;
const ABANDONED: u8 = 2;

impl Claim {
    /// Returns whether it was not abandoned before. From here on it cannot be abandoned.
    pub(crate) fn start(&self) -> bool {
        self.settle(STARTED)
    }

    fn settle(&self, as_: u8) -> bool {
        self.0.compare_exchange(WAITING, as_, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Returns whether the job was not started before. From here on it cannot start.
    pub(crate) fn abandon(&self) -> bool {
        self.settle(ABANDONED)
    }
}

/// The typed half of a job.
pub(crate) trait Work: Send {
    /// Runs the closure and keeps what it returns; true if that was `Ok`.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Whether the last run returned `Ok`.
    fn kept(&self) -> bool;
    /// Whether it answers several callers: then it has taken from those that wait what is worth a commit.
    fn is_batch(&self) -> bool {
        false
    }
    /// Answers the caller: with what the last run returned, or with an error in its place.
    fn finish(self: Box<Self>, outcome: Result<(), Error>);
}

struct Closure<F, T, E> {
    body: F,
    returned: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Work for Closure<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.returned = None;
        self.returned.insert((self.body)(tx)).is_ok()
    }

    fn kept(&self) -> bool {
        matches!(self.returned, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, outcome: Result<(), Error>) {
        let answer = match (outcome, self.returned) {
            (Ok(()), Some(returned)) => returned,
            (Ok(()), None) => Err(E::from(Error::Panicked)),
            (Err(error), _) => Err(E::from(error)),
        };
        // A caller that went away has no use for it.
        let _ = self.reply.send(answer);
    }
}

impl Job {
    pub(crate) fn new<T, E>(
        name: &'static str,
        kind: TxKind,
        deadline: Instant,
        metrics: &Metrics,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> (Self, Claim, oneshot::Receiver<Result<T, E>>)
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(Closure { body, returned: None, reply });
        let job = Self::of(name, kind, deadline, metrics, work);
        let claim = job.claim.clone();
        (job, claim, answer)
    }

    pub(crate) fn of(
        name: &'static str,
        kind: TxKind,
        deadline: Instant,
        metrics: &Metrics,
        work: Box<dyn Work>,
    ) -> Self {
        let (queued, claim) = (moment::now(), Claim::default());
        Self { name, kind, deadline, wrote: false, queued, claim, work, metrics: metrics.clone() }
    }

    /// Takes the job out of the queue: none if its caller went away or its time is up.
    pub(crate) fn claimed(self) -> Option<Self> {
        self.metrics.dequeued(self.kind);
        if !self.claim.start() {
            self.metrics.finished(self.name, self.kind, "abandoned");
            return None;
        }
        if moment::now() > self.deadline {
            self.finish(Err(Error::Deadline));
            return None;
        }
        self.metrics.waited(self.name, self.queued);
        Some(self)
    }

    /// Runs the closure once inside a transaction that the engine has begun.
    pub(crate) fn run(&mut self, connection: Link<'_>) -> Ran {
        let began = moment::now();
        let mut tx = Tx::new(self.name, connection, self.deadline);
        let kept = catch_unwind(AssertUnwindSafe(|| self.work.run(&mut tx)));
        self.wrote = tx.wrote();
        let fault = tx.into_fault();
        self.metrics.ran(self.name, began);
        match (kept, fault) {
            (Err(_), _) => Ran::Panicked,
            (Ok(kept), Some(fault)) => Ran::Fault(fault, kept),
            (Ok(true), None) => Ran::Keep,
            (Ok(false), None) => Ran::Undo,
        }
    }

    /// Whether it answers several callers: then it has taken from those that wait what is worth a commit.
    pub(crate) fn is_batch(&self) -> bool {
        self.work.is_batch()
    }

    /// Notes that the closure runs once more.
    pub(crate) fn retried(&self) {
        self.metrics.retried(self.name);
    }

    /// Answers the caller: `Ok` with what the closure returned, else with the error.
    pub(crate) fn finish(self, outcome: Result<(), Error>) {
        let word = match &outcome {
            Ok(()) if self.work.kept() => "done",
            Ok(()) => "undone",
            Err(error) => error.word(),
        };
        self.metrics.finished(self.name, self.kind, word);
        match (self.kind, &outcome) {
            (TxKind::Write, Err(Error::Full | Error::ReadOnly)) => self.metrics.stored(false),
            (TxKind::Write, Ok(())) if self.wrote && self.work.kept() => self.metrics.stored(true),
            _ => {}
        }
        self.work.finish(outcome);
    }
}
