//! I4: who has to know a revision by when.

use crate::{
    broken::{Broken, ensure},
    machine::{Machine, SECOND, Stage, ThreadState},
};

/// The machines that still run on a revision that is not the newest.
#[derive(Default)]
pub(crate) struct Outdated {
    waiting: Vec<Waiting>,
    /// Since the signing key was rotated: the new one has to be fetched first.
    pub(crate) rotated: bool,
    /// As many as held slots when the maximum was lowered.
    pub(crate) over: usize,
}

struct Waiting {
    machine: usize,
    revision: u64,
    by: i64,
}

impl Outdated {
    /// From now on, all that the network has to deliver has a bound.
    pub(crate) fn revised(&mut self, machines: &[Machine], revision: u64, now: i64) {
        for (number, machine) in machines.iter().enumerate() {
            if let Some(within) = bound(machine) {
                // Keys are fetched once a minute at most.
                let keys = if self.rotated { 63 * SECOND } else { 0 };
                self.waiting.push(Waiting { machine: number, revision, by: now + within + keys });
            }
        }
    }

    /// Something is in the way of a machine's messages, or of everybody's.
    pub(crate) fn disturb(&mut self, machine: Option<usize>) {
        self.waiting.retain(|waiting| machine.is_some_and(|machine| machine != waiting.machine));
    }

    pub(crate) fn check(&mut self, machines: &[Machine], now: i64) -> Result<(), Broken> {
        for waiting in self.waiting.extract_if(.., |waiting| waiting.by < now) {
            let machine = &machines[waiting.machine];
            if machine.copied {
                continue;
            }
            let Some(guard) = machine.running().filter(|guard| guard.check().is_ok()) else { continue };
            let runs_on = guard.license().granted.map_or(0, |granted| granted.revision);
            ensure!(
                runs_on >= waiting.revision,
                "I4: {} still runs on revision {runs_on}, not on {}",
                machine.name,
                waiting.revision
            );
        }
        Ok(())
    }
}

/// How soon a machine has to know what changes now, where nothing is in the way.
fn bound(machine: &Machine) -> Option<i64> {
    // One of two that share a credential may have to wait for its next activation.
    let quiet = machine.still_until.is_none()
        && machine.cut_until.is_none()
        && machine.faults.is_empty()
        && !machine.copied;
    let product =
        machine.product.as_ref().filter(|product| quiet && product.started && !machine.dies_at_write)?;
    let [ThreadState::Idle(_), polls] = &product.threads else { return None };
    let state = product.simulation.guard().state();
    let active = matches!(state, kaching_client::State::Active { .. });
    match polls {
        ThreadState::Waiting(exchange) if matches!(exchange.stage, Stage::Held(..)) && active => Some(SECOND),
        ThreadState::Waiting(exchange)
            if matches!(&exchange.stage, Stage::Streams(stream) if stream.delivers()) && active =>
        {
            Some(SECOND)
        }
        ThreadState::Idle(_) if active && state.to_string().contains("20 to 30") => Some(32 * SECOND),
        _ => None,
    }
}
