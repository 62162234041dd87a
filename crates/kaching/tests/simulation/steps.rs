//! The events on a machine when they are due: the product's calls and polls, and its messages on their way.

use std::rc::Rc;

use kaching_client::simulation::{Sent, Step};

use crate::{
    broken::{Broken, ensure},
    machine::{Exchange, Reply, SECOND, Stage, ThreadState},
    run::Run,
    script::{ClientThread, Fault},
    server::{Answer, Raw},
    statement::{self, Statement},
};

const THREADS: [ClientThread; 2] = [ClientThread::Calls, ClientThread::Polls];

impl Run<'_> {
    pub(crate) async fn step_machine(&mut self, number: usize) -> Result<(), Broken> {
        let now = self.now();
        let machine = &mut self.machines[number];
        if machine.still_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        machine.cut_until = machine.cut_until.filter(|until| *until > now);
        if machine.disk_fails_until.is_some_and(|until| until <= now) {
            machine.set_disk(None);
        }
        if machine.still_until.take().is_some() {
            machine.awake(now);
            if let Some(wrong) = machine.boots_with.take() {
                machine.turn_on(wrong, now);
                self.start(number, None)?;
            }
        }
        for thread in THREADS {
            self.step_thread(number, thread).await?;
        }
        self.settle_start(number)
    }

    async fn step_thread(&mut self, number: usize, thread: ClientThread) -> Result<(), Broken> {
        let now = self.now();
        let Some(product) = &mut self.machines[number].product else { return Ok(()) };
        let at = thread as usize;
        match std::mem::replace(&mut product.threads[at], ThreadState::Idle(i64::MAX)) {
            ThreadState::Idle(due) if due > now => product.threads[at] = ThreadState::Idle(due),
            ThreadState::Idle(_) => {
                let step = match thread {
                    ClientThread::Calls => product.simulation.call(),
                    ClientThread::Polls => product.simulation.poll(),
                };
                match step {
                    Step::Wait(wait) => {
                        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / 2);
                        product.threads[at] = ThreadState::Idle(now + wait);
                    }
                    Step::Send(sent) => self.send(number, thread, sent)?,
                }
                self.machines[number].watch(None, now)?;
            }
            ThreadState::Waiting(exchange) => self.step_exchange(number, thread, *exchange).await?,
        }
        Ok(())
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, number: usize, thread: ClientThread, sent: Sent) -> Result<(), Broken> {
        let now = self.now();
        let raw = Rc::new(Raw {
            method: sent.method(),
            path: sent.path().to_owned(),
            body: sent.body().to_vec(),
            authorization: sent.authorization().map(str::to_owned),
        });
        let machine = &mut self.machines[number];
        machine.known.sends(&raw)?;
        let deadline = now + i64::try_from(sent.timeout().as_micros()).unwrap();
        let fault = machine.faults.iter().position(|(of, _)| *of == thread);
        let fault = fault.and_then(|at| machine.faults.remove(at)).map(|(_, fault)| fault);
        let (cut, impatient) = (machine.cut_until.is_some(), machine.impatient && waits(&raw).is_some());
        let stage = if cut || impatient { self.gone() } else { Stage::Going(now + self.latency(), fault) };
        self.log(|| {
            format!("{number} sends {} {}", raw.path, fault.map_or(String::new(), |f| format!("({f:?})")))
        });
        let bound = deadline + 5 * SECOND;
        let exchange = Exchange { sent, raw, bound, deadline, stage };
        let product = self.machines[number].product.as_mut().unwrap();
        product.threads[thread as usize] = ThreadState::Waiting(Box::new(exchange));
        Ok(())
    }

    pub(crate) fn latency(&mut self) -> i64 {
        i64::from(self.network.between(1_000, 60_000))
    }

    /// Returns a connection that is refused, or never answered.
    fn gone(&mut self) -> Stage {
        let soon = self.now() + self.latency();
        if self.network.one_in(2) { Stage::Silent } else { Stage::Coming(soon, Reply::Broken) }
    }

    async fn step_exchange(
        &mut self,
        number: usize,
        thread: ClientThread,
        mut exchange: Exchange,
    ) -> Result<(), Broken> {
        let now = self.now();
        match exchange.stage {
            Stage::Coming(at, mut reply) if at <= now => {
                if let Reply::Own(_, Some(statement)) = &mut reply {
                    statement.held_back |= now > exchange.bound;
                }
                return self.deliver(number, thread, &exchange.sent, &exchange.raw, reply);
            }
            Stage::Streams(stream) => {
                let exchange = Exchange { stage: Stage::Silent, ..exchange };
                return self.step_stream(number, thread, exchange, stream);
            }
            _ if exchange.deadline <= now => {
                self.log(|| format!("{number} gets no answer to {}", exchange.raw.path));
                return self.lose(number, &exchange.sent, thread, "it did not answer in time");
            }
            Stage::Going(at, fault) if at <= now => {
                exchange.stage = self.reaches(number, thread, &exchange.raw, fault).await?;
            }
            Stage::Held(at, _) if at <= now => {
                let (answer, statement) = self.ask(number, &exchange.raw).await?;
                exchange.stage = Stage::Coming(now + self.latency(), Reply::Own(answer, statement));
            }
            waiting => exchange.stage = waiting,
        }
        let product = self.machines[number].product.as_mut().unwrap();
        product.threads[thread as usize] = ThreadState::Waiting(Box::new(exchange));
        Ok(())
    }

    /// Delivers a request to the authority, unless a fault stops it.
    async fn reaches(
        &mut self,
        number: usize,
        thread: ClientThread,
        raw: &Rc<Raw>,
        fault: Option<Fault>,
    ) -> Result<Stage, Broken> {
        let (now, soon) = (self.now(), self.now() + self.latency());
        if self.down_until.is_some() {
            return Ok(self.gone());
        }
        match fault {
            Some(Fault::DropRequest) => return Ok(Stage::Silent),
            // A stream that nobody reads is of no consequence.
            Some(Fault::LateRequest(_)) if raw.path == STREAM => return Ok(Stage::Silent),
            Some(Fault::Refuse) => return Ok(Stage::Coming(soon, Reply::Broken)),
            Some(Fault::LateRequest(late)) => {
                self.ghosts.push((now + i64::from(late) * SECOND, number, Rc::clone(raw), false));
                return Ok(Stage::Silent);
            }
            Some(Fault::Stranger(status)) => {
                let body = b"<html><body>Please sign in</body></html>".to_vec();
                return Ok(Stage::Coming(soon, Reply::Other(Answer { status, body })));
            }
            _ => {}
        }
        if raw.path == STREAM {
            let opens = fault.is_none();
            return if opens {
                self.open_stream(number, raw).await
            } else {
                Ok(Stage::Coming(soon, Reply::Broken))
            };
        }
        if thread == ClientThread::Polls
            && let Some((rev, wait)) = waits(raw)
            && fault.is_none()
        {
            // Most polls that would wait anyway are not sent to the authority first.
            if self.revision <= rev && !self.network.one_in(8) {
                return Ok(Stage::Held(now + wait * SECOND, rev));
            }
            let (answer, statement) = self.ask(number, raw).await?;
            let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let news = body["rev"].as_u64().is_none_or(|present| present > rev);
            return Ok(if news {
                Stage::Coming(soon, Reply::Own(answer, statement))
            } else {
                Stage::Held(now + wait * SECOND, rev)
            });
        }
        let (answer, statement) = self.ask(number, raw).await?;
        let machine = &mut self.machines[number];
        let kind = |raw: &Raw| raw.path.split('?').next().unwrap_or_default().to_owned();
        let same = |earlier: &&(Rc<Raw>, Answer, i64)| kind(&earlier.0) == kind(raw);
        // The first one to the same bytes, else the last one of its kind.
        let old = machine.answers.iter().find(|earlier| earlier.0.body == raw.body && same(earlier));
        let old = old.or_else(|| machine.answers.iter().rfind(same)).cloned();
        machine.answers.push((Rc::clone(raw), answer.clone(), now));
        Ok(match fault {
            Some(Fault::DropAnswer) => Stage::Silent,
            Some(Fault::SlowAnswer(ms)) => {
                Stage::Coming(now + i64::from(ms) * 1_000, Reply::Own(answer, statement))
            }
            Some(Fault::OldAnswer) if let Some((earlier, old, signed)) = old => Stage::Coming(
                soon,
                held_back(old, signed, earlier.body == raw.body && earlier.method == "POST"),
            ),
            Some(Fault::Twice(ms, false)) => {
                // One that was refused may be granted when it comes again.
                let again = answer.status < 300;
                self.ghosts.push((now + i64::from(ms) * 1_000, number, Rc::clone(raw), again));
                Stage::Coming(soon, Reply::Own(answer, statement))
            }
            Some(Fault::Twice(_, true)) => {
                let (answer, statement) = self.once_more(number, raw).await?;
                Stage::Coming(soon, Reply::Own(answer, statement))
            }
            _ => Stage::Coming(soon, Reply::Own(answer, statement)),
        })
    }

    /// Delivers a request; a poll is answered immediately, because its waiting is done here.
    pub(crate) async fn ask(
        &mut self,
        number: usize,
        raw: &Rc<Raw>,
    ) -> Result<(Answer, Option<Statement>), Broken> {
        let rev = match waits(raw) {
            Some((rev, _)) => rev,
            // A stream begins with the answer to a poll.
            None if raw.path == STREAM => 0,
            None => return self.arrive(number, raw).await,
        };
        let path = format!("/v1/changes?rev={rev}&wait=0");
        self.arrive(number, &Rc::new(Raw { path, ..Raw::clone(raw) })).await
    }

    /// Answers the polls that wait for a change.
    pub(crate) async fn answer_polls(&mut self) -> Result<(), Broken> {
        for number in 0..self.machines.len() {
            let Some(product) = &self.machines[number].product else { continue };
            let ThreadState::Waiting(exchange) = &product.threads[1] else { continue };
            if matches!(&exchange.stage, Stage::Streams(stream) if stream.rev < self.revision) {
                self.announce_on_stream(number).await?;
                continue;
            }
            if !matches!(exchange.stage, Stage::Held(_, rev) if rev < self.revision) {
                continue;
            }
            let raw = Rc::clone(&exchange.raw);
            // This cannot recurse: a poll raises no revision.
            let (answer, statement) = Box::pin(self.ask(number, &raw)).await?;
            let at = self.now() + self.latency();
            let product = self.machines[number].product.as_mut().unwrap();
            if let ThreadState::Waiting(exchange) = &mut product.threads[1] {
                exchange.stage = Stage::Coming(at, Reply::Own(answer, statement));
            }
        }
        Ok(())
    }

    fn deliver(
        &mut self,
        number: usize,
        thread: ClientThread,
        sent: &Sent,
        raw: &Raw,
        reply: Reply,
    ) -> Result<(), Broken> {
        let (answer, statement) = match reply {
            Reply::Broken => return self.lose(number, sent, thread, "the connection broke"),
            Reply::Other(answer) => (answer, None),
            Reply::Own(answer, statement) => (answer, statement),
        };
        self.log(|| {
            let said = statement.as_ref().map(|statement| format!("{statement:?}")).unwrap_or_default();
            format!("{number} gets {} on {} {said}", answer.status, raw.path)
        });
        let now = self.now();
        let machine = &mut self.machines[number];
        let dies = std::mem::take(&mut machine.dies_at_write);
        if dies && machine.disk_fails_until.is_none() {
            machine.set_disk(Some(now));
        }
        let product = machine.product.as_mut().unwrap();
        product.simulation.answer(sent, answer.status, answer.body);
        wake(&mut product.threads, thread, now);
        if dies {
            machine.kill();
            machine.set_disk(None);
            return Ok(());
        }
        // A pushed statement answers no request.
        let (fresh, pushed) = match thread {
            ClientThread::Calls => (statement, None),
            ClientThread::Polls => (None, statement),
        };
        machine.pushed(pushed.as_ref());
        machine.watch(fresh.as_ref(), now)?;
        let shown = machine.shown();
        self.log(|| format!("{number} is {shown}"));
        Ok(())
    }

    pub(crate) fn lose(
        &mut self,
        number: usize,
        sent: &Sent,
        thread: ClientThread,
        why: &str,
    ) -> Result<(), Broken> {
        let now = self.now();
        let machine = &mut self.machines[number];
        let product = machine.product.as_mut().unwrap();
        product.simulation.lose(sent, why);
        wake(&mut product.threads, thread, now);
        machine.watch(None, now)
    }

    fn settle_start(&mut self, number: usize) -> Result<(), Broken> {
        let now = self.now();
        let machine = &mut self.machines[number];
        let Some(product) = machine.product.as_mut().filter(|product| !product.started) else {
            return Ok(());
        };
        let outcome = product.simulation.start_outcome().or_else(|| {
            // It waits no longer than its bound.
            (product.start_by <= now).then(|| product.simulation.give_up())
        });
        match outcome {
            None => {}
            Some(Ok(())) => {
                product.started = true;
                machine.watch(None, now)?;
            }
            Some(Err(error)) => {
                machine.product = None;
                self.log(|| format!("{number} does not start: {error}"));
            }
        }
        Ok(())
    }

    pub(crate) fn start(
        &mut self,
        number: usize,
        takeover: Option<kaching_base::ActivationId>,
    ) -> Result<(), Broken> {
        let now = self.now();
        let (fixture, machine) = (self.fixture, &mut self.machines[number]);
        if machine.product.is_some() || machine.still_until.is_some() {
            return Ok(());
        }
        let failing = machine.disk_fails_until.is_some();
        let started = machine.start(fixture, takeover, now);
        ensure!(failing || started.is_ok(), "{} cannot begin: {:?}", machine.name, started.err());
        Ok(())
    }
}

pub(crate) const STREAM: &str = "/v1/events";

/// Revision and seconds of a poll that waits.
fn waits(raw: &Raw) -> Option<(u64, i64)> {
    let (rev, wait) = raw.path.strip_prefix("/v1/changes?rev=")?.split_once("&wait=")?;
    Some((rev.parse().ok()?, wait.parse().ok().filter(|wait| *wait > 0)?))
}

/// An old answer: where the bytes were the same, it answers these as well.
fn held_back(old: Answer, signed: i64, same: bool) -> Reply {
    if !same {
        return Reply::Other(old);
    }
    let statement = statement::of(&old, signed);
    Reply::Own(old, statement.map(|statement| Statement { held_back: true, ..statement }))
}

/// Lets both threads check what is due after an answer.
pub(crate) fn wake(threads: &mut [ThreadState; 2], answered: ClientThread, now: i64) {
    threads[answered as usize] = ThreadState::Idle(now);
    for thread in threads {
        if let ThreadState::Idle(at) = thread {
            *at = now;
        }
    }
}
