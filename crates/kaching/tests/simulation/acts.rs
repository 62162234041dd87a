//! The actions on machines, network and authority.

use std::rc::Rc;

use kaching_base::Timestamp;
use serde_json::json;

use crate::{
    broken::{Broken, ensure},
    machine::{Reply, SECOND, Stage, ThreadState},
    run::Run,
    script::{COPY, ClientThread, Op},
    server::{self, Answer, PLANS, Raw},
    statement::Statement,
};

impl Run<'_> {
    pub(crate) async fn act(&mut self, op: Op) -> Result<(), Broken> {
        let now = self.now();
        let until = |seconds: u32| now + i64::from(seconds) * SECOND;
        match op {
            Op::Wait(seconds) => return self.advance(i64::from(seconds) * SECOND).await,
            Op::Fault(machine, thread, fault) => {
                self.outdated.disturb(Some(machine));
                self.machines[machine].faults.push_back((thread, fault));
            }
            Op::CutOff(machine, seconds) => {
                self.outdated.disturb(Some(machine));
                self.machines[machine].cut_until = Some(until(seconds));
                self.silence(Some(machine));
            }
            Op::Replay(machine, back) => return self.replay(machine, back).await,
            Op::AuthorityDown(seconds) => {
                self.outdated.disturb(None);
                self.down_until = Some(until(seconds));
                self.silence(None);
            }
            Op::RestartAuthority => return self.restart_authority().await,
            Op::Upkeep => {
                let authority = &self.server.world.authority;
                for _ in 0..2 {
                    authority.run_jobs().await.unwrap();
                }
                authority.store_time().await.unwrap();
                authority.renew_keyset().await.unwrap();
                self.changed = true;
                let revision = self.server.revision().await;
                return self.revised(revision).await;
            }
            Op::RotateKey => {
                self.outdated.disturb(None);
                self.outdated.rotated = true;
                self.server.operate("keys", &json!({ "purpose": "lease" })).await?;
            }
            Op::Attack(attack) => return self.attack(attack).await,
            Op::Suspend
            | Op::Reinstate
            | Op::Revoke
            | Op::Plan(_)
            | Op::EndsIn(_)
            | Op::Release(_)
            | Op::Move(..) => {
                self.operate(op).await?;
                self.changed = true;
                let revision = self.server.revision().await;
                self.revised(revision).await?;
                // Leases have whole seconds: in the last second of a license none counts, and the refusal follows.
                if matches!(op, Op::EndsIn(0..=2)) {
                    self.outdated.disturb(None);
                }
                return Ok(());
            }
            _ => {
                self.outdated.disturb(self.machine_of(op));
                self.host(op)?;
            }
        }
        Ok(())
    }

    fn machine_of(&self, op: Op) -> Option<usize> {
        match op {
            Op::Start(machine)
            | Op::TakeOver(machine, _)
            | Op::End(machine)
            | Op::Kill(machine)
            | Op::KillAtWrite(machine)
            | Op::DiskFails(machine, _)
            | Op::Deactivate(machine)
            | Op::Reboot(machine, ..)
            | Op::Sleep(machine, _)
            | Op::SetWall(machine, _)
            | Op::Copy(machine)
            | Op::Record(machine, _)
            | Op::Grow(machine, _) => Some(machine),
            _ => None,
        }
    }

    async fn operate(&mut self, op: Op) -> Result<(), Broken> {
        match op {
            Op::Suspend => drop(self.server.of_license("suspend", &json!({ "reason": "unpaid" })).await?),
            Op::Reinstate => drop(self.server.of_license("reinstate", &json!({})).await?),
            Op::Revoke => {
                let confirm = json!({ "confirm": self.server.license });
                self.server.of_license("revoke", &confirm).await?;
            }
            Op::Plan(plan) => {
                let (code, slots, _) = PLANS[plan];
                let upgrade = json!({ "plan": code, "at": "now", "force": true });
                if self.server.of_license("upgrade", &upgrade).await?.is_some() {
                    self.outdated.over = self.outdated.over.max(self.slots);
                    self.slots = usize::try_from(slots).unwrap();
                }
            }
            Op::EndsIn(seconds) => {
                let at = Timestamp::from_micros(self.now() + i64::from(seconds) * SECOND);
                self.server.edit_license(&json!({ "expires_at": at })).await?;
            }
            Op::Release(machine) => {
                if let Some(activation) = self.machines[machine].known.activation.clone() {
                    self.server.operate(&format!("activations/{activation}/release"), &json!({})).await?;
                }
            }
            Op::Move(from, to) => {
                let body = json!({ "fingerprint": self.machines[to].fingerprint, "kind": "instance" });
                if let Some(activation) = self.machines[from].known.activation.clone() {
                    self.server.operate(&format!("activations/{activation}/move"), &body).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn host(&mut self, op: Op) -> Result<(), Broken> {
        let now = self.now();
        match op {
            Op::Start(number) => return self.start(number, None),
            Op::TakeOver(number, from) => {
                let from = self.machines[from].known.activation.clone();
                let from = from.filter(|from| self.machines[number].known.activation.as_ref() != Some(from));
                if let Some(from) = from {
                    self.end_process(number);
                    return self.start(number, Some(server::id(&from)));
                }
            }
            Op::End(number) => self.end_process(number),
            Op::Kill(number) => return self.kill(number),
            Op::KillAtWrite(number) => self.machines[number].dies_at_write = true,
            Op::DiskFails(number, seconds) => {
                self.machines[number].set_disk(Some(now + i64::from(seconds) * SECOND));
            }
            Op::Deactivate(number) => return self.deactivate(number),
            Op::Reboot(number, seconds, wrong) => {
                self.kill(number)?;
                self.machines[number].turn_off(now + i64::from(seconds) * SECOND, i64::from(wrong) * SECOND);
            }
            Op::Sleep(number, seconds) if self.machines[number].still_until.is_none() => {
                self.machines[number].fall_asleep(now + i64::from(seconds) * SECOND, now);
            }
            Op::SetWall(number, wrong) => {
                let clocks = &self.machines[number].clocks;
                clocks.wrong.store(i64::from(wrong) * SECOND, std::sync::atomic::Ordering::Relaxed);
            }
            Op::Copy(number) => return self.copy(number),
            Op::Record(number, amount) => {
                let machine = &mut self.machines[number];
                let Some(guard) = machine.running() else { return Ok(()) };
                guard.record("jobs", amount.into()).unwrap();
                machine.known.record(amount.into(), now);
                machine.recorded += u64::from(amount);
                self.nudge(number);
            }
            Op::Grow(number, nodes) => {
                let Some(guard) = self.machines[number].running() else { return Ok(()) };
                let before = guard.level("nodes");
                let granted = guard.license().granted;
                let most = granted
                    .and_then(|granted| granted.limits.get("nodes").and_then(kaching_base::Limit::max));
                let allowed =
                    guard.check().is_ok() && most.is_none_or(|most| u64::from(nodes) <= most.max(before));
                let answer = guard.ensure("nodes", nodes.into());
                ensure!(answer.is_ok() == allowed, "{nodes} nodes of {most:?}, {before} there: {answer:?}");
                self.nudge(number);
            }
            _ => {}
        }
        Ok(())
    }

    /// The host has recorded something: the thread of calls checks what is due.
    fn nudge(&mut self, number: usize) {
        let now = self.now();
        if let Some(product) = &mut self.machines[number].product
            && let ThreadState::Idle(at) = &mut product.threads[0]
        {
            *at = now;
        }
    }

    /// The process is killed.
    fn kill(&mut self, number: usize) -> Result<(), Broken> {
        let now = self.now();
        let machine = &mut self.machines[number];
        let rests = machine
            .product
            .as_ref()
            .is_some_and(|product| matches!(product.threads[0], ThreadState::Idle(_)));
        if rests && machine.disk_fails_until.is_none() && machine.still_until.is_none() {
            machine.known.keeps(now);
            machine.durable = machine.known.clone();
        }
        machine.kill();
        Ok(())
    }

    /// It ends in order: what is to be written is written.
    pub(crate) fn end_process(&mut self, number: usize) {
        let now = self.now();
        let machine = &mut self.machines[number];
        if machine.product.take().is_some() && machine.disk_fails_until.is_none() {
            machine.known.keeps(now + SECOND);
            machine.durable = machine.known.clone();
        }
    }

    fn deactivate(&mut self, number: usize) -> Result<(), Broken> {
        let machine = &mut self.machines[number];
        let Some(product) = machine.product.as_mut().filter(|product| product.started) else { return Ok(()) };
        if machine.still_until.is_some() || !matches!(product.threads[0], ThreadState::Idle(_)) {
            return Ok(());
        }
        let sent = product.simulation.deactivation();
        product.ended = true;
        ensure!(product.simulation.guard().check().is_err(), "{number} says yes after it was deactivated");
        match sent {
            Some(sent) => self.send(number, ClientThread::Calls, sent),
            None => Ok(()),
        }
    }

    fn copy(&mut self, number: usize) -> Result<(), Broken> {
        if number == COPY
            || self.machines[COPY].product.is_some()
            || self.machines[COPY].still_until.is_some()
        {
            return Ok(());
        }
        let now = self.now();
        let (machines, copy) = self.machines.split_at_mut(COPY);
        machines[number].copied = true;
        copy[0].copy(&machines[number]);
        copy[0].turn_on(0, now);
        self.start(COPY, None)
    }

    /// Connections break, of one machine or of all.
    fn silence(&mut self, of: Option<usize>) {
        let soon = self.now() + SECOND / 10;
        for (number, machine) in self.machines.iter_mut().enumerate() {
            let Some(product) = machine.product.as_mut().filter(|_| of.is_none_or(|of| of == number)) else {
                continue;
            };
            for thread in &mut product.threads {
                if let ThreadState::Waiting(exchange) = thread
                    && !matches!(exchange.stage, Stage::Coming(..))
                {
                    exchange.stage = Stage::Coming(soon, Reply::Broken);
                }
            }
        }
    }

    async fn restart_authority(&mut self) -> Result<(), Broken> {
        self.outdated.disturb(None);
        let before = (self.server.revision().await, self.server.activations().await);
        self.server.restart().await;
        let after = (self.server.revision().await, self.server.activations().await);
        ensure!(before == after, "I1: a restart changes what was stored: {before:?} and {after:?}");
        // Polls that wait are answered.
        self.silence(None);
        Ok(())
    }

    async fn replay(&mut self, number: usize, back: usize) -> Result<(), Broken> {
        let sent = &self.machines[number].sent;
        let Some(at) = sent.len().checked_sub(back + 1) else { return Ok(()) };
        let (raw, when) = sent[at].clone();
        // For a day nonces are remembered.
        if self.now() - when > 86_000 * SECOND || self.down_until.is_some() {
            return Ok(());
        }
        self.once_more(number, &raw).await.map(drop)
    }

    /// I9: a request arrives that was answered before, and changes nothing.
    pub(crate) async fn once_more(
        &mut self,
        number: usize,
        raw: &Rc<Raw>,
    ) -> Result<(Answer, Option<Statement>), Broken> {
        let newest = |entries: Vec<(String, String, bool)>| entries.into_iter().next().map(|(id, ..)| id);
        let before = (newest(self.server.audit(1).await), self.server.activations().await);
        let answer = self.server.send(raw).await?;
        let statement = crate::statement::of(&answer, self.now());
        let entries = self.server.audit(10).await;
        let new = entries.iter().take_while(|(id, ..)| Some(id) != before.0.as_ref());
        // The consequences of time in between may be written down with it, and a refusal is one.
        let harmless = |entry: &&(String, String, bool)| entry.1 == "activation.lapse" || !entry.2;
        let changes: Vec<_> = new.filter(|entry| !harmless(entry)).collect();
        let resumed = |change: &&(String, String, bool)| change.1 == "activation.heartbeat";
        ensure!(changes.iter().all(resumed), "I9: {} again leaves {changes:?}", raw.path);
        let credentials = |activations: &[kaching_authority::Activation]| -> Vec<_> {
            let of =
                |one: &kaching_authority::Activation| (one.id, one.credential.clone(), one.levels.clone());
            activations.iter().map(of).collect()
        };
        let after = self.server.activations().await;
        ensure!(
            credentials(&before.1) == credentials(&after),
            "I9: {} of {number} again changes {before:?} to {after:?}",
            raw.path
        );
        Ok((answer, statement))
    }
}
