//! One run: machines, a network and an authority, in time that passes only here.

use std::rc::Rc;

use kaching_authority::Clock as _;
use kaching_base::Timestamp;
use tempfile::TempDir;

use crate::{
    attacker::Attacker,
    broken::{Broken, ensure},
    machine::{Machine, SECOND},
    outdated::Outdated,
    random::{Purpose, Random},
    script::{MACHINES, Op},
    server::{Answer, Fixture, Raw, TestServer, holds},
    statement::{self, Statement},
};

pub(crate) struct Run<'g> {
    pub(crate) fixture: &'g Fixture,
    pub(crate) server: TestServer,
    pub(crate) machines: Vec<Machine>,
    pub(crate) network: Random,
    pub(crate) attacker: Attacker,
    /// Requests for whose answers nobody waits, with when they arrive and whether they were answered before.
    pub(crate) ghosts: Vec<(i64, usize, Rc<Raw>, bool)>,
    /// Nothing answers for the authority until then.
    pub(crate) down_until: Option<i64>,
    /// The newest of what the authority signed.
    newest: (u64, u64),
    /// As many as may hold a slot.
    pub(crate) slots: usize,
    pub(crate) revision: u64,
    pub(crate) outdated: Outdated,
    /// Whether the activations may be others than when they were looked at.
    pub(crate) changed: bool,
    pub(crate) trace: Option<Vec<String>>,
    _disks: TempDir,
}

/// The outcome of a run.
pub(crate) struct Outcome {
    pub(crate) broken: Option<Broken>,
    pub(crate) requests: u64,
    pub(crate) trace: Vec<String>,
}

/// Runs a script.
pub(crate) async fn run(fixture: &Fixture, seed: u64, script: &[Op], traced: bool) -> Outcome {
    let mut run = Run::new(fixture, seed, traced).await;
    let broken = run.all(script).await.err();
    for machine in &mut run.machines {
        machine.kill();
    }
    run.server.world.authority.close().await;
    Outcome { broken, requests: run.server.requests, trace: run.trace.take().unwrap_or_default() }
}

impl<'g> Run<'g> {
    async fn new(fixture: &'g Fixture, seed: u64, traced: bool) -> Self {
        let server = fixture.server(seed).await;
        let clock = &server.world.clock;
        clock.set(Timestamp::from_micros(
            clock.now().micros() + i64::from(u32::try_from(seed % 3_000).unwrap()) * 1_001,
        ));
        let disks = tempfile::tempdir().unwrap();
        let names = ["a", "b", "c", "copy"];
        let mut network = Random::new(seed, Purpose::Network);
        let machines = (0..MACHINES).map(|number| {
            let random = Random::of_machine(seed, number);
            let mut machine = Machine::new(names[number], disks.path(), clock, random);
            machine.impatient = network.one_in(5);
            machine
        });
        let machines = machines.collect();
        Self {
            fixture,
            machines,
            network,
            attacker: Attacker::default(),
            ghosts: Vec::new(),
            down_until: None,
            newest: (0, 1),
            slots: 1,
            revision: 1,
            outdated: Outdated::default(),
            changed: false,
            trace: traced.then(Vec::new),
            server,
            _disks: disks,
        }
    }

    async fn all(&mut self, script: &[Op]) -> Result<(), Broken> {
        for op in script {
            self.log(|| format!("{op:?}"));
            self.act(*op).await?;
            self.advance(0).await?;
            self.look().await?;
        }
        self.end().await
    }

    pub(crate) fn now(&self) -> i64 {
        self.server.world.clock.now().micros()
    }

    pub(crate) fn log(&mut self, what: impl FnOnce() -> String) {
        let now = self.now();
        if let Some(trace) = &mut self.trace {
            let since = now - 1_795_305_600 * SECOND;
            trace.push(format!("{:>12.3}  {}", since as f64 / SECOND as f64, what()));
        }
    }

    /// Lets time pass, with all that happens in it.
    pub(crate) async fn advance(&mut self, by: i64) -> Result<(), Broken> {
        let end = self.now() + by;
        loop {
            let ghosts = self.ghosts.iter().map(|(at, ..)| *at);
            let next =
                self.machines.iter().filter_map(Machine::next).chain(ghosts).chain(self.down_until).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.server.world.clock.set(Timestamp::from_micros(next.max(self.now())));
            self.happen().await?;
        }
        self.server.world.clock.set(Timestamp::from_micros(end));
        Ok(())
    }

    async fn happen(&mut self) -> Result<(), Broken> {
        let now = self.now();
        self.down_until = self.down_until.filter(|until| *until > now);
        while let Some(due) = self.ghosts.iter().position(|(at, ..)| *at <= now) {
            let (_, machine, raw, again) = self.ghosts.remove(due);
            self.log(|| format!("a late {} of {machine} arrives", raw.path));
            match again {
                _ if self.down_until.is_some() => {}
                true => drop(self.once_more(machine, &raw).await?),
                false => drop(self.arrive(machine, &raw).await?),
            }
        }
        for number in 0..MACHINES {
            self.step_machine(number).await?;
        }
        self.outdated.check(&self.machines, now)
    }

    /// A request reaches the authority.
    pub(crate) async fn arrive(
        &mut self,
        machine: usize,
        raw: &Rc<Raw>,
    ) -> Result<(Answer, Option<Statement>), Broken> {
        let answer = self.server.send(raw).await?;
        let now = self.now();
        let statement = statement::of(&answer, now);
        if let Some(statement) = &statement {
            let next = (statement.epoch, statement.rev.unwrap_or(self.newest.1));
            ensure!(next >= self.newest, "I3: the authority signs revision {next:?} after {:?}", self.newest);
            self.newest = next;
        }
        if answer.status < 300 && raw.method == "POST" {
            self.machines[machine].sent.push((Rc::clone(raw), now));
        }
        if raw.path == "/v1/activate" {
            self.changed = true;
            // An operator's change from a moment ago may be in no statement yet.
            self.revised(self.newest.1.max(self.revision)).await?;
        }
        Ok((answer, statement))
    }

    /// Handles a raised revision: polls that wait are answered, and other machines have to learn it in time.
    pub(crate) async fn revised(&mut self, revision: u64) -> Result<(), Broken> {
        ensure!(
            revision >= self.revision,
            "I3: the license goes from revision {} to {revision}",
            self.revision
        );
        if revision > self.revision {
            self.revision = revision;
            // An authority that cannot be reached announces nothing.
            if self.down_until.is_none() {
                self.outdated.revised(&self.machines, revision, self.now());
            }
            self.answer_polls().await?;
        }
        Ok(())
    }

    /// I2: every holder of a slot is counted, and there are no more of them than slots.
    pub(crate) async fn look(&mut self) -> Result<(), Broken> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let now = Timestamp::from_micros(self.now());
        let holders = self.server.activations().await.iter().filter(|one| holds(one, now)).count();
        // If the maximum was lowered by force, the holders stay until they lapse.
        self.outdated.over = self.outdated.over.min(holders);
        ensure!(holders <= self.slots.max(self.outdated.over), "I2: {holders} hold {} slots", self.slots);
        Ok(())
    }
}
