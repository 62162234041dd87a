//! Gathers small writes of one kind: those that wait at the same time share one transaction.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::{
    Db, Error, Result, Tx,
    database::{answer, span},
    job::{Claim, Work},
    metrics::TxKind,
    moment,
};

/// A queue of inputs for one kind of transaction. Each input has an answer of its own; a batch of them shares a commit.
///
/// An input is taken by at most one transaction, and one whose caller went away before is left out. Where the
/// transaction fails, each of its inputs gets the error, and nothing of any of them was written.
pub struct WriteBatcher<I, O> {
    db: Db,
    shared: Arc<BatcherState<I, O>>,
}

/// The state that callers and transactions share.
struct BatcherState<I, O> {
    name: &'static str,
    limits: BatchLimits,
    body: Box<Body<I, O>>,
    waiting: Mutex<WaitingInputs<I, O>>,
    /// The number of inputs that wait.
    waiting_gauge: Gauge,
}

/// The size of a batch, the number of batches, and the length of the queue.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// A transaction takes half of the inputs that wait: while it commits, the others keep the rest of the machine
    /// busy. It takes at least this number, and at most `max_inputs`.
    pub min_inputs: usize,
    /// Inputs of one transaction at most.
    pub max_inputs: usize,
    /// Transactions that wait or run at the same time; inputs that come in the meantime wait for the next one.
    pub transactions: usize,
    /// Inputs that may wait; more are refused.
    pub queue: usize,
}

/// Answers each input, in their order.
type Body<I, O> = dyn Fn(&mut Tx<'_>, &[I]) -> Result<Vec<O>> + Send + Sync;

struct WaitingInputs<I, O> {
    inputs: VecDeque<Input<I, O>>,
    /// The number of transactions that wait for a connection or run.
    transactions: usize,
}

struct Input<I, O> {
    input: I,
    deadline: Instant,
    claim: Claim,
    reply: oneshot::Sender<Result<O>>,
}

impl<I: Send + Sync + 'static, O: Send + 'static> WriteBatcher<I, O> {
    /// Gathers inputs for transactions of this name. `body` may run more than once on the same inputs, as that of
    /// [`Db::write`], and gives one answer for each.
    pub fn new(
        db: &Db,
        name: &'static str,
        limits: BatchLimits,
        body: impl Fn(&mut Tx<'_>, &[I]) -> Result<Vec<O>> + Send + Sync + 'static,
    ) -> Self {
        let waiting = Mutex::new(WaitingInputs { inputs: VecDeque::new(), transactions: 0 });
        let waiting_gauge = db.metrics().gathered(name);
        Self {
            db: db.clone(),
            shared: Arc::new(BatcherState { name, limits, body: Box::new(body), waiting, waiting_gauge }),
        }
    }

    /// Answers this input in the next transaction; the write is durable when this returns.
    ///
    /// # Errors
    /// As of [`Db::write`]; an error that the body returns goes to every input of its transaction.
    pub async fn write(&self, input: I) -> Result<O> {
        let deadline = moment::now() + self.db.deadline();
        let (reply, answered) = oneshot::channel();
        let claim = Claim::default();
        let input = Input { input, deadline, claim: claim.clone(), reply };
        if self.shared.gather(input)? {
            Batch::enqueue(&self.db, &self.shared);
        }
        answer(answered, claim, TxKind::Write, deadline)
            .instrument(span(self.shared.name, TxKind::Write))
            .await
    }
}

impl<I, O> BatcherState<I, O> {
    fn waiting(&self) -> std::sync::MutexGuard<'_, WaitingInputs<I, O>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an input to the queue; returns whether one more transaction must be enqueued.
    fn gather(&self, input: Input<I, O>) -> Result<bool> {
        let mut waiting = self.waiting();
        if waiting.inputs.len() >= self.limits.queue {
            return Err(Error::Overloaded);
        }
        waiting.inputs.push_back(input);
        self.waiting_gauge.inc();
        let more = waiting.transactions < self.limits.transactions;
        waiting.transactions += usize::from(more);
        Ok(more)
    }
}

/// The channels for the answers, in the order of the inputs.
type Replies<O> = Vec<oneshot::Sender<Result<O>>>;

/// One transaction, from the queue to its answers.
struct Batch<I, O> {
    shared: Arc<BatcherState<I, O>>,
    db: Db,
    /// Taken by the first run; a later run works on the same inputs.
    inputs: Option<(Vec<I>, Replies<O>)>,
    returned: Option<Result<Vec<O>>>,
}

impl<I: Send + Sync + 'static, O: Send + 'static> Batch<I, O> {
    fn enqueue(db: &Db, shared: &Arc<BatcherState<I, O>>) {
        let batch = Self { shared: Arc::clone(shared), db: db.clone(), inputs: None, returned: None };
        // A batch that the queue refuses is finished with the reason.
        db.enqueue(shared.name, Box::new(batch));
    }

    /// Takes the inputs of this batch, unless an earlier run took them.
    fn take(&mut self) {
        if self.inputs.is_none() {
            let (mut inputs, mut replies) = (Vec::new(), Vec::new());
            let mut waiting = self.shared.waiting();
            let limits = self.shared.limits;
            let most = (waiting.inputs.len() / 2).clamp(limits.min_inputs, limits.max_inputs);
            while inputs.len() < most
                && let Some(Input { input, deadline, claim, reply }) = waiting.inputs.pop_front()
            {
                self.shared.waiting_gauge.dec();
                if !claim.start() {
                    continue;
                }
                if moment::now() > deadline {
                    // The caller may have gone away in this moment.
                    let _ = reply.send(Err(Error::Deadline));
                    continue;
                }
                inputs.push(input);
                replies.push(reply);
            }
            drop(waiting);
            self.inputs = Some((inputs, replies));
        }
    }
}

impl<I: Send + Sync + 'static, O: Send + 'static> Work for Batch<I, O> {
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        self.returned = None;
        self.take();
        let returned = match &self.inputs {
            Some((inputs, _)) if !inputs.is_empty() => (self.shared.body)(tx, inputs),
            _ => Ok(Vec::new()),
        };
        self.returned.insert(returned).is_ok()
    }

    fn kept(&self) -> bool {
        matches!(self.returned, Some(Ok(_)))
    }

    fn is_batch(&self) -> bool {
        true
    }

    fn finish(mut self: Box<Self>, outcome: Result<(), Error>) {
        // A batch that was refused before it ran answers the inputs that it would have taken.
        self.take();
        let (_, replies) = self.inputs.take().expect("it was taken just now");
        if outcome.is_ok() && !replies.is_empty() {
            self.db.metrics().batched(self.shared.name, replies.len());
        }
        let returned = match (outcome, self.returned.take()) {
            (Ok(()), Some(returned)) => returned,
            (Ok(()), None) => Err(Error::Panicked),
            (Err(error), _) => Err(error),
        };
        match returned {
            Ok(answers) => {
                debug_assert_eq!(answers.len(), replies.len(), "one answer for each input");
                for (reply, answer) in replies.into_iter().zip(answers) {
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        let mut waiting = self.shared.waiting();
        if waiting.inputs.is_empty() {
            waiting.transactions -= 1;
        } else {
            drop(waiting);
            Self::enqueue(&self.db, &self.shared);
        }
    }
}
