//! The events on a machine when they are due: the product's calls and polls, and its messages on their way.

use std::rc::Rc;

use kaching_client::simulation::{Sent, Step};

use crate::{
    broken::{Broken, ensure},
    house::{Answer, Raw},
    machine::{Exchange, Reply, SECOND, Stage, State},
    run::Run,
    script::{Fault, Lane},
    statement::{self, Statement},
};

const LANES: [Lane; 2] = [Lane::Calls, Lane::Questions];

impl Run<'_> {
    pub(crate) async fn machine_happens(&mut self, number: usize) -> Result<(), Broken> {
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
        for lane in LANES {
            self.lane_happens(number, lane).await?;
        }
        self.start_happens(number)
    }

    async fn lane_happens(&mut self, number: usize, lane: Lane) -> Result<(), Broken> {
        let now = self.now();
        let Some(product) = &mut self.machines[number].product else { return Ok(()) };
        let at = lane as usize;
        match std::mem::replace(&mut product.lanes[at], State::Rests(i64::MAX)) {
            State::Rests(due) if due > now => product.lanes[at] = State::Rests(due),
            State::Rests(_) => {
                let step = match lane {
                    Lane::Calls => product.simulation.call(),
                    Lane::Questions => product.simulation.poll(),
                };
                match step {
                    Step::Wait(wait) => {
                        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX / 2);
                        product.lanes[at] = State::Rests(now + wait);
                    }
                    Step::Send(sent) => self.send(number, lane, sent)?,
                }
                self.machines[number].watch(None, now)?;
            }
            State::Waits(exchange) => self.exchange_happens(number, lane, *exchange).await?,
        }
        Ok(())
    }

    /// A request leaves.
    pub(crate) fn send(&mut self, number: usize, lane: Lane, sent: Sent) -> Result<(), Broken> {
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
        let fault = machine.faults.iter().position(|(of, _)| *of == lane);
        let fault = fault.and_then(|at| machine.faults.remove(at)).map(|(_, fault)| fault);
        let (cut, impatient) = (machine.cut_until.is_some(), machine.impatient && waits(&raw).is_some());
        let stage = if cut || impatient { self.gone() } else { Stage::Going(now + self.latency(), fault) };
        self.tell(|| {
            format!("{number} sends {} {}", raw.path, fault.map_or(String::new(), |f| format!("({f:?})")))
        });
        let bound = deadline + 5 * SECOND;
        let exchange = Exchange { sent, raw, bound, deadline, stage };
        let product = self.machines[number].product.as_mut().unwrap();
        product.lanes[lane as usize] = State::Waits(Box::new(exchange));
        Ok(())
    }

    pub(crate) fn latency(&mut self) -> i64 {
        i64::from(self.network.between(1_000, 60_000))
    }

    /// Nothing listens: the connection is refused, or never answered.
    fn gone(&mut self) -> Stage {
        let soon = self.now() + self.latency();
        if self.network.one_in(2) { Stage::Silent } else { Stage::Coming(soon, Reply::Broken) }
    }

    async fn exchange_happens(
        &mut self,
        number: usize,
        lane: Lane,
        mut exchange: Exchange,
    ) -> Result<(), Broken> {
        let now = self.now();
        match exchange.stage {
            Stage::Coming(at, mut reply) if at <= now => {
                if let Reply::Own(_, Some(statement)) = &mut reply {
                    statement.held_back |= now > exchange.bound;
                }
                return self.comes(number, lane, &exchange.sent, &exchange.raw, reply);
            }
            Stage::Streams(stream) => {
                let exchange = Exchange { stage: Stage::Silent, ..exchange };
                return self.stream_happens(number, lane, exchange, stream);
            }
            _ if exchange.deadline <= now => {
                self.tell(|| format!("{number} waits in vain for {}", exchange.raw.path));
                return self.comes_nothing(number, &exchange.sent, lane, "it did not answer in time");
            }
            Stage::Going(at, fault) if at <= now => {
                exchange.stage = self.reaches(number, lane, &exchange.raw, fault).await?;
            }
            Stage::Held(at, _) if at <= now => {
                let (answer, statement) = self.ask(number, &exchange.raw).await?;
                exchange.stage = Stage::Coming(now + self.latency(), Reply::Own(answer, statement));
            }
            waiting => exchange.stage = waiting,
        }
        let product = self.machines[number].product.as_mut().unwrap();
        product.lanes[lane as usize] = State::Waits(Box::new(exchange));
        Ok(())
    }

    /// A request arrives, or meets its fault before.
    async fn reaches(
        &mut self,
        number: usize,
        lane: Lane,
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
                self.stream_opens(number, raw).await
            } else {
                Ok(Stage::Coming(soon, Reply::Broken))
            };
        }
        if lane == Lane::Questions
            && let Some((rev, wait)) = waits(raw)
            && fault.is_none()
        {
            // Most of those that would wait anyhow need not be asked for it.
            if self.revision <= rev && !self.network.one_in(8) {
                return Ok(Stage::Held(now + wait * SECOND, rev));
            }
            let (answer, statement) = self.ask(number, raw).await?;
            let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let news = told["rev"].as_u64().is_none_or(|present| present > rev);
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
    pub(crate) async fn answer_questions(&mut self) -> Result<(), Broken> {
        for number in 0..self.machines.len() {
            let Some(product) = &self.machines[number].product else { continue };
            let State::Waits(exchange) = &product.lanes[1] else { continue };
            if matches!(&exchange.stage, Stage::Streams(stream) if stream.rev < self.revision) {
                self.stream_tells(number).await?;
                continue;
            }
            if !matches!(exchange.stage, Stage::Held(_, rev) if rev < self.revision) {
                continue;
            }
            let raw = Rc::clone(&exchange.raw);
            // Whoever raised it is not asked again from in here: a question raises nothing.
            let (answer, statement) = Box::pin(self.ask(number, &raw)).await?;
            let at = self.now() + self.latency();
            let product = self.machines[number].product.as_mut().unwrap();
            if let State::Waits(exchange) = &mut product.lanes[1] {
                exchange.stage = Stage::Coming(at, Reply::Own(answer, statement));
            }
        }
        Ok(())
    }

    fn comes(
        &mut self,
        number: usize,
        lane: Lane,
        sent: &Sent,
        raw: &Raw,
        reply: Reply,
    ) -> Result<(), Broken> {
        let (answer, statement) = match reply {
            Reply::Broken => return self.comes_nothing(number, sent, lane, "the connection broke"),
            Reply::Other(answer) => (answer, None),
            Reply::Own(answer, statement) => (answer, statement),
        };
        self.tell(|| {
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
        wake(&mut product.lanes, lane, now);
        if dies {
            machine.kill();
            machine.set_disk(None);
            return Ok(());
        }
        // A pushed statement answers no request.
        let (fresh, pushed) = match lane {
            Lane::Calls => (statement, None),
            Lane::Questions => (None, statement),
        };
        machine.pushed(pushed.as_ref());
        machine.watch(fresh.as_ref(), now)?;
        let shown = machine.shown();
        self.tell(|| format!("{number} is {shown}"));
        Ok(())
    }

    pub(crate) fn comes_nothing(
        &mut self,
        number: usize,
        sent: &Sent,
        lane: Lane,
        why: &str,
    ) -> Result<(), Broken> {
        let now = self.now();
        let machine = &mut self.machines[number];
        let product = machine.product.as_mut().unwrap();
        product.simulation.lose(sent, why);
        wake(&mut product.lanes, lane, now);
        machine.watch(None, now)
    }

    fn start_happens(&mut self, number: usize) -> Result<(), Broken> {
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
                self.tell(|| format!("{number} does not start: {error}"));
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
        let (ground, machine) = (self.ground, &mut self.machines[number]);
        if machine.product.is_some() || machine.still_until.is_some() {
            return Ok(());
        }
        let failing = machine.disk_fails_until.is_some();
        let started = machine.start(ground, takeover, now);
        ensure!(failing || started.is_ok(), "{} cannot begin: {:?}", machine.name, started.err());
        Ok(())
    }
}

pub(crate) const STREAM: &str = "/v1/events";

/// Revision and seconds of a question that waits.
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

/// After an answer both lanes look again.
pub(crate) fn wake(lanes: &mut [State; 2], answered: Lane, now: i64) {
    lanes[answered as usize] = State::Rests(now);
    for lane in lanes {
        if let State::Rests(at) = lane {
            *at = now;
        }
    }
}
