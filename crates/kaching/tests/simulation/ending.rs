//! The end of a run: all faults are over, and then every installation that may run runs, every other is refused, and
//! nothing is lost.

use std::collections::BTreeMap;

use kaching_authority::{ActivationStatus, Sight};
use kaching_base::{Seconds, Timestamp};
use kaching_client::State as Shown;
use serde_json::json;

use crate::{
    broken::{Broken, ensure},
    machine::SECOND,
    run::Run,
    script::{COPY, Op},
    server::{holds, of},
};

impl Run<'_> {
    pub(crate) async fn end(&mut self) -> Result<(), Broken> {
        self.log(|| "the faults end".to_owned());
        self.outdated.disturb(None);
        self.down_until = None;
        self.machines[COPY].kill();
        self.machines[COPY].still_until = None;
        let now = self.now();
        for machine in &mut self.machines {
            machine.still_until = machine.still_until.map(|until| until.min(now + SECOND));
            machine.faults.clear();
            machine.cut_until = None;
            machine.dies_at_write = false;
            if machine.disk_fails_until.is_some() {
                machine.set_disk(None);
            }
        }
        for number in 0..COPY {
            if self.machines[number].product.as_ref().is_some_and(|product| product.ended) {
                self.end_process(number);
            }
        }
        self.act(Op::Reinstate).await?;
        self.act(Op::EndsIn(3_000_000)).await?;
        self.settle().await?;
        self.stops_everywhere().await?;
        self.settle().await?;
        self.nothing_lost().await?;
        self.no_false_copy().await?;
        self.act(Op::RestartAuthority).await
    }

    /// Waits until all are in the right state, which takes no longer than the longest wait after a failure.
    async fn settle(&mut self) -> Result<(), Broken> {
        self.advance(2 * SECOND).await?;
        for _ in 0..8 {
            for number in 0..COPY {
                self.start(number, None)?;
            }
            self.advance(62 * SECOND).await?;
            if self.standing().await.is_ok() {
                return Ok(());
            }
        }
        self.standing().await
    }

    /// Checks that every installation that may run runs, and that every other is refused.
    async fn standing(&mut self) -> Result<(), Broken> {
        self.look().await?;
        self.only_those_run_that_may().await?;
        let activations = self.server.activations().await;
        let now = Timestamp::from_micros(self.now());
        let held = activations.iter().filter(|one| holds(one, now)).count();
        let revoked = !self.usable().await;
        for machine in &self.machines[..COPY] {
            let runs = machine.says_yes();
            let own = of(&activations, &machine.fingerprint);
            let status = own.map(|own| own.status);
            let in_grace = own.and_then(|own| own.move_ends_at).is_some_and(|end| now < end);
            let may = match status {
                _ if revoked => Some(false),
                // Of two that share a credential, either may be displaced, and runs on what it has.
                _ if machine.copied => None,
                // An operator moved it here: it runs from the host's next start, or takeover.
                Some(ActivationStatus::Active) if own.is_some_and(|own| own.credential.made_by.is_none()) => {
                    None
                }
                Some(ActivationStatus::Active) => Some(true),
                Some(ActivationStatus::Superseded) if in_grace => None,
                Some(ActivationStatus::Superseded) => Some(false),
                // Another start may still find a slot; a host that knows this need not ask.
                _ if held < self.slots && machine.product.is_none() => Some(true),
                _ => Some(false),
            };
            ensure!(
                may.is_none_or(|may| may == runs),
                "in the end {} {} ({}): {status:?}, {held} of {} slots held",
                machine.name,
                if runs { "runs" } else { "does not run" },
                machine.shown(),
                self.slots
            );
            // One whose polls are blocked loses contact again and again, until the heartbeat after each.
            let state = machine.running().map(kaching_client::Guard::state);
            ensure!(
                !runs || machine.impatient || machine.copied || matches!(state, Some(Shown::Active { .. })),
                "in the end {} has no contact",
                machine.name
            );
            let refused =
                machine.running().is_none_or(|guard| matches!(guard.state(), Shown::Refused { .. }));
            // The heartbeat that is refused may be on its way.
            let ended = own.and_then(|own| own.move_ends_at);
            let just_ended = ended.is_some_and(|end| end <= now && now < end + Seconds(3));
            ensure!(
                runs || refused || just_ended || machine.copied,
                "in the end {} is not refused: {}",
                machine.name,
                machine.shown()
            );
        }
        Ok(())
    }

    async fn usable(&self) -> bool {
        let license =
            self.server.world.authority.license(&Sight::All, self.server.license.clone()).await.unwrap();
        license.license.status == kaching_authority::domain::Status::Active
    }

    /// I4, for all of them: a suspension stops every running machine in time, and a reinstatement lets them run again.
    async fn stops_everywhere(&mut self) -> Result<(), Broken> {
        if !self.usable().await {
            return Ok(());
        }
        self.act(Op::Record(0, 3)).await?;
        // A machine whose poll was swallowed may be between two attempts, without contact.
        let in_contact: Vec<_> =
            self.machines.iter().map(|machine| machine.shown().starts_with("active")).collect();
        self.act(Op::Suspend).await?;
        self.advance(33 * SECOND).await?;
        for machine in self.machines.iter().filter(|machine| !machine.impatient && !machine.copied) {
            ensure!(!machine.says_yes(), "I4: {} runs 33 s after the license was suspended", machine.name);
        }
        // One that waits at something that blocks its polls knows with the heartbeat after that.
        self.advance(40 * SECOND).await?;
        for machine in
            self.machines.iter().zip(in_contact).filter_map(|(it, in_contact)| in_contact.then_some(it))
        {
            ensure!(!machine.says_yes(), "I4: {} runs 73 s after the license was suspended", machine.name);
        }
        self.server.of_license("reinstate", &json!({})).await?;
        let revision = self.server.revision().await;
        self.revised(revision).await?;
        self.advance(62 * SECOND).await?;
        self.standing().await
    }

    /// I5: the usage on disks and at the authority, each entry once, is the usage that was counted.
    async fn nothing_lost(&mut self) -> Result<(), Broken> {
        let usage = self.server.world.usage().await;
        for machine in self.machines[..COPY].iter().filter(|machine| !machine.copied) {
            let mut entries: BTreeMap<i64, i64> = machine.usage_on_disk().into_iter().collect();
            for one in usage.iter().filter(|one| one.fingerprint == machine.fingerprint) {
                let on_disk = entries.insert(one.seq, one.amount);
                ensure!(
                    on_disk.is_none_or(|amount| amount == one.amount),
                    "I5: entry {} of {} was {on_disk:?}, and {} was reported",
                    one.seq,
                    machine.name,
                    one.amount
                );
            }
            let sum = entries.values().sum::<i64>().unsigned_abs();
            let (recorded, kept) = (machine.recorded, machine.known.kept);
            ensure!(
                sum >= kept && sum <= recorded,
                "I5: {} counted {recorded}, kept {kept} for sure, and {sum} is there",
                machine.name
            );
            let owed = machine.usage_on_disk();
            ensure!(!machine.says_yes() || owed.is_empty(), "I5: {} still owes {owed:?}", machine.name);
        }
        Ok(())
    }

    /// Two holders are seen only where there were two.
    async fn no_false_copy(&mut self) -> Result<(), Broken> {
        if self.machines.iter().any(|machine| machine.copied) {
            return Ok(());
        }
        let seen = self
            .server
            .audit(200)
            .await
            .into_iter()
            .filter(|(_, action, _)| action == "activation.two_holders");
        ensure!(seen.count() == 0, "two holders were seen where there was one");
        Ok(())
    }
}
