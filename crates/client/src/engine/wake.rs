//! When the next call, poll or change of state is due, on the boot clock.

use std::time::Duration;

use super::{Contact, Engine};
use crate::{
    clock::{Reading, until},
    role::Role,
};

impl Engine {
    /// Returns when there is something to do next, apart from polls.
    pub(crate) fn wake(&self, now: Reading) -> Duration {
        let timing = &self.settings.timing;
        let mut due = vec![self.disk.mark_due(timing.mark_interval)];
        if self.sends() && !self.calls.is_in_flight() {
            let calls = [
                self.keys.due(timing.refetch_interval),
                self.trial_due(),
                self.activation_due(),
                self.heartbeat_due(),
                self.report_due(),
                self.lease.catalogue_due(timing),
            ];
            due.extend(calls.into_iter().flatten().map(|at| self.calls.after_quiet(at)));
        }
        due.extend(self.disbelieved_until(now).filter(|end| *end > now.boot));
        let time = self.now(now);
        if let Some(pending) = self.lease.pending() {
            due.push(now.boot + until(time, pending.exp));
        }
        if let Some(lease) = self.lease.lease() {
            let ends = [Some(lease.exp), Some(lease.run_until), lease.lic_exp];
            due.extend(
                ends.into_iter().flatten().filter(|end| *end > time).map(|end| now.boot + until(time, end)),
            );
        }
        due.into_iter().min().unwrap_or(now.boot)
    }

    /// Whether anything is sent: after the host has deactivated the installation, only a key that somebody enters.
    pub(super) fn sends(&self) -> bool {
        !self.deactivated || self.trial.is_open()
    }

    pub(super) fn trial_due(&self) -> Option<Duration> {
        self.keys.trusted()?;
        self.trial.is_open().then_some(Duration::ZERO)
    }

    pub(super) fn activation_due(&self) -> Option<Duration> {
        self.keys.trusted()?;
        self.settings.license_key.as_ref()?;
        self.activation.due(self.settings.timing.reactivate_interval)
    }

    pub(super) fn heartbeat_due(&self) -> Option<Duration> {
        let sends = self.keys.trusted().is_some()
            && self.activation.id().is_some()
            && !self.activation.is_wanted()
            && self.lease.pending().is_none();
        sends.then(|| self.calls.heartbeat_due())
    }

    pub(super) fn report_due(&self) -> Option<Duration> {
        let sends = self.activation.id().is_some() && !self.activation.is_wanted();
        self.outbox.report_due().filter(|_| sends)
    }

    /// Returns when the next poll for changes, or stream of them, is due; `None` while there is nobody to ask.
    pub(crate) fn poll_due(&self, now: Reading) -> Option<Duration> {
        let polls = self.role == Role::Holder
            && !self.deactivated
            && !self.changes.is_in_flight()
            && *self.calls.contact() == Contact::Made;
        let lease = self.lease.lease().filter(|lease| polls && self.now(now) < lease.exp)?;
        (self.activation.id()? == lease.act).then(|| self.calls.after_quiet(self.changes.transport.due()))
    }

    /// Makes a heartbeat due now, and returns how many calls were sent before it, since one on its way does not contain
    /// what is owed now. `None` where the next activation has to wait, so that no heartbeat can be sent.
    pub(crate) fn request_heartbeat(&mut self, now: Reading) -> Option<u64> {
        let put_off = !self.calls.is_in_flight() && self.activation.is_wanted();
        if put_off && self.activation_due().is_some_and(|due| due > now.boot) {
            return None;
        }
        Some(self.calls.request_heartbeat(now.boot))
    }

    /// Whether a heartbeat or an activation was answered or lost since [`request_heartbeat`](Self::request_heartbeat)
    /// returned this number.
    pub(crate) fn is_settled_since(&self, sent: u64) -> bool {
        self.deactivated || self.calls.is_settled_since(sent)
    }

    pub(super) fn heartbeat_soon(&mut self, now: Reading) {
        self.calls.heartbeat_by(now.boot + self.settings.timing.poll_interval.0);
    }
}
