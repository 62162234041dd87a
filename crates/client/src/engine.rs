//! The state machine of one guard, without I/O: it takes the time, random bytes and answers, and gives requests, bytes to
//! write to disk, and the verdicts that checks read. It reads no clock, opens no file and sends nothing.
//!
//! Each part of the state is owned by a machine of its own (`keys`, `activation`, `lease`, `calls`, `changes`, `outbox`,
//! …), whose fields no other part sees. The other files have the rules that involve several of them.

use std::collections::BTreeMap;

use kaching_api::{Health, HealthStatus};
use kaching_base::{Seconds, Timestamp};
use kaching_license::Expected;

use crate::{
    clock::Reading,
    journal::{FollowerEntry, Report},
    role::Role,
    settings::Settings,
    start_error::StartError,
    time::TrustedTime,
    warning::Warning,
};

mod activation;
mod answers;
mod calls;
mod change_calls;
mod change_event;
mod change_transport;
mod changes;
mod delay;
mod disk;
#[cfg(feature = "testing")]
mod fake;
mod follow;
mod keys;
mod lease;
mod outbox;
mod record;
mod refusal;
mod request;
mod requests;
mod schedule;
mod start;
mod statements;
mod stored;
mod stream;
mod trial;
mod usage;
mod validate;
mod verdict;
mod wake;
mod withdrawn;

use activation::{Activation, ActivationRecord};
use calls::{CallSchedule, Contact};
use changes::Changes;
use delay::DelayMeter;
use disk::DiskState;
use keys::{Keys, KeysRecord};
use lease::{LeaseRecord, LeaseState};
use outbox::{Outbox, OutboxRecord};
use record::Record;
pub(crate) use refusal::LastRefusal;
use refusal::Stop;
use request::CallKind;
pub(crate) use request::Request;
use start::StartOutcome;
use trial::Trial;

/// Two displacements within this time show that a copy runs.
const COPY_PERIOD: Seconds = Seconds::days(1);
/// A keyset is signed again every day, long before its end; one that has only this much left is not.
const KEYS_LEFT: Seconds = Seconds::days(7);

/// The state machine of one guard.
pub(crate) struct Engine {
    settings: Settings,
    role: Role,
    time: TrustedTime,
    keys: Keys,
    activation: Activation,
    lease: LeaseState,
    calls: CallSchedule,
    changes: Changes,
    delay: DelayMeter,
    outbox: Outbox,
    trial: Trial,
    start: StartOutcome,
    disk: DiskState,
    /// The host has deactivated the installation, and asks for nothing more.
    deactivated: bool,
}

impl Engine {
    /// Creates an engine in a role, with the state that was left on disk.
    pub(crate) fn new(
        mut settings: Settings,
        role: Role,
        left: Option<&[u8]>,
        now: Reading,
        boot_id: String,
    ) -> Self {
        let record = Record::restore(left, &mut settings);
        let mut engine = Self {
            role,
            time: TrustedTime::restore(record.time.as_ref(), boot_id, now),
            keys: Keys::new(),
            activation: Activation::default(),
            lease: LeaseState::default(),
            calls: CallSchedule::new(now.boot),
            changes: Changes::new(now.boot),
            delay: DelayMeter::default(),
            outbox: Outbox::new(now.boot),
            trial: Trial::default(),
            start: StartOutcome::default(),
            disk: DiskState::new(record.identity, now.boot),
            deactivated: false,
            settings,
        };
        engine.load(record, now);
        engine.note_clock(now);
        engine
    }

    /// Loads a record, and verifies what was signed in it again. A statement that does not verify is ignored.
    fn load(&mut self, record: Record, now: Reading) {
        let permits = record.lease.permits();
        self.disk.load(record.identity, record.entered, record.before, permits);
        self.outbox.load(record.outbox);
        self.activation.load(record.activation);
        self.keys.load(record.keys, &self.settings.roots);
        let expected = Expected {
            aud: Some(self.settings.product.as_str()),
            act: self.activation.id(),
            fpr: Some(self.settings.fingerprint.hash()),
            ..Expected::default()
        };
        // The lease's own times are judged with every verdict.
        let keyset = self.keys.trusted();
        self.lease.load(record.lease, |jws| {
            keyset?.verify_lease(jws, &expected, kaching_license::Moment::Inspect).ok()
        });
        let verified = [
            self.keys.issued_at(),
            self.lease.lease().map(|lease| lease.iat),
            self.lease.stop().map(|stop| stop.iat),
        ];
        for iat in verified.into_iter().flatten() {
            self.time.at_least(iat, now);
        }
        let takes_slot = self.settings.takeover.is_some();
        let again = self
            .lease
            .stop()
            .is_some_and(|stop| stop.of_lost_slot() || stop.ends_activation() && !stop.is_move());
        self.activation.want(self.activation.id().is_none() || again || takes_slot);
    }

    /// Notes that the wall clock is past the license's end, while only contact could show whether it is right.
    pub(crate) fn note_clock(&mut self, now: Reading) {
        if let Some(end) = self.lease.license_ends() {
            let noted = self.time.note_past_end(end, now);
            self.disk.change(noted);
        }
    }

    /// Continues for an engine that followed until now: its start and its health stay.
    pub(crate) fn succeed(mut self, follower: &Self) -> Self {
        self.start.succeed(&follower.start);
        self.outbox.set_health(follower.outbox.health().cloned());
        self
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Shuts the guard down: nothing more happens.
    pub(crate) fn close(&mut self) {
        self.role = Role::Closed;
    }

    /// The settings of its start, with a key that was entered since.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The client's own time.
    pub(crate) fn now(&self, now: Reading) -> Timestamp {
        self.time.now(now)
    }

    /// Returns the outcome of the start once it is known.
    pub(crate) fn start_outcome(&mut self) -> Option<Result<(), StartError>> {
        self.start.take()
    }

    /// Ends a start whose time is over: it succeeds with an earlier lease that is still valid, or fails.
    pub(crate) fn give_up(&mut self, now: Reading) -> Result<(), StartError> {
        let trouble = |instead: &str| self.trouble().unwrap_or(instead).to_owned();
        let error = match self.lease.stop() {
            Some(stop) => {
                StartError::Refused { code: stop.code.clone(), detail: stop.detail.clone(), contact: None }
            }
            None if self.role.follows() => {
                StartError::NothingToFollow { why: trouble("the process that keeps it has none yet") }
            }
            None if self.settings.license_key.is_none() => StartError::NoKey,
            None => {
                let url = self.settings.url().to_owned();
                StartError::Unreachable { url, why: trouble("it did not answer in time") }
            }
        };
        self.start_failed(error, now);
        self.start.take().unwrap_or(Ok(()))
    }

    /// Fails the start, even if the authority still answers.
    pub(crate) fn cannot_start(&mut self, error: StartError) {
        self.start.settle(Err(error));
    }

    /// Whether a denial can name the plan that has more, as far as that can be known now.
    pub(crate) fn can_explain(&self) -> bool {
        let waits =
            self.lease.wants_catalogue() && *self.calls.contact() == Contact::Made && !self.role.follows();
        self.lease.grant().is_none_or(|grant| grant.catalogue.is_some()) || !waits
    }

    /// The levels as the host has set them, or as they were left.
    pub(crate) fn levels(&self) -> &BTreeMap<String, u64> {
        self.outbox.levels()
    }

    /// Whether there is usage that the authority has not acknowledged.
    pub(crate) fn owes_usage(&self) -> bool {
        !self.outbox.usage().is_empty()
    }

    /// Whether the slot was given back, or never held.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.activation.id().is_none()
    }

    /// Returns the warnings for people.
    pub(crate) fn warnings(&self, now: Reading) -> Vec<Warning> {
        let time = self.now(now);
        let clock = self.time.asks_for_contact(now).then_some(Warning::Clock);
        let recent = self.activation.displaced().iter().filter(|at| **at + COPY_PERIOD > time).count();
        let held = self.activation.id().or_else(|| self.lease.lease().map(|lease| lease.act));
        let copy = held.filter(|_| recent > 1).map(|activation| Warning::Copy { activation });
        let keys = self.keys.ends_at().filter(|end| *end - KEYS_LEFT < time);
        let keys = keys.map(|end| Warning::Keys { end });
        let state = self.disk.trouble().map(|why| Warning::State { why: why.to_owned() });
        let stream = self.changes.transport.trouble().map(|why| Warning::Stream { why: why.to_owned() });
        [clock, copy, keys, state, stream].into_iter().flatten().collect()
    }

    /// Why there is no contact, as a part of a sentence.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.calls.trouble()
    }

    /// Takes the levels and the usage that the host has recorded since the last time.
    pub(crate) fn count(&mut self, levels: BTreeMap<String, u64>, used: Vec<(String, u64)>, now: Reading) {
        if self.outbox.set_levels(levels) {
            // A cluster that has just grown should not look small for minutes.
            self.heartbeat_soon(now);
        }
        self.outbox.add_usage(used, self.now(now));
    }

    /// Sets the health, which goes with the next heartbeat, and soon where it changed.
    pub(crate) fn set_health(&mut self, status: HealthStatus, detail: Option<String>, now: Reading) {
        if self.outbox.set_health(Some(Health { status, detail })) {
            self.heartbeat_soon(now);
        }
    }

    /// The health as it was last set.
    #[cfg(feature = "testing")]
    pub(crate) fn health(&self) -> Option<&Health> {
        self.outbox.health()
    }

    /// Queues a report until the authority has accepted it.
    pub(crate) fn report(&mut self, report: Report) {
        self.outbox.add_report(report);
    }

    /// The reports that were not accepted yet.
    #[cfg(feature = "testing")]
    pub(crate) fn reports(&self) -> &[Report] {
        self.outbox.reports()
    }

    /// Takes all usage, for a product that carries it to the holder by its own means.
    pub(crate) fn take_usage(&mut self) -> BTreeMap<String, u64> {
        self.outbox.take_usage()
    }

    /// Takes over what followers have written since the last time, and returns the levels that they changed.
    pub(crate) fn absorb(&mut self, followers: &[FollowerEntry], now: Reading) -> BTreeMap<String, u64> {
        self.outbox.forget_followers_but(followers);
        self.outbox.absorb(followers, self.now(now))
    }

    /// Whether all that a follower wrote is on disk here, so that its file can go.
    pub(crate) fn has_absorbed(&self, follower: &FollowerEntry) -> bool {
        !self.is_changed() && self.outbox.has_absorbed(follower)
    }

    fn is_changed(&self) -> bool {
        self.disk.is_changed()
            || self.keys.stored().is_changed()
            || self.activation.stored().is_changed()
            || self.lease.stored().is_changed()
            || self.outbox.stored().is_changed()
    }

    /// Returns the state that has to be on disk before anything else is sent; `None` if it is there.
    pub(crate) fn unsaved(&mut self, now: Reading) -> Option<Vec<u8>> {
        if !self.is_changed() && now.boot < self.disk.mark_due(self.settings.timing.mark_interval) {
            return None;
        }
        self.disk.mark(now.boot);
        let record = Record {
            keys: KeysRecord::clone(self.keys.stored()),
            activation: ActivationRecord::clone(self.activation.stored()),
            lease: LeaseRecord::clone(self.lease.stored()),
            outbox: OutboxRecord::clone(self.outbox.stored()),
            time: Some(self.time.mark(now)),
            ..self.disk.record()
        };
        Some(record.bytes())
    }

    /// Notes whether the state was written to disk. If not, the heartbeat that is there is repeated.
    pub(crate) fn saved(&mut self, outcome: Result<(), String>) {
        self.activation.written(outcome.is_ok());
        if outcome.is_ok() {
            self.keys.written();
            self.lease.written();
            self.outbox.written();
        }
        self.disk.written(outcome, self.lease.stored().permits());
    }

    /// Whether a start on the state on disk would run, although what is known by now stops it.
    pub(crate) fn undone_by_restart(&self) -> bool {
        self.disk.permits() && !self.lease.stored().permits()
    }

    /// Notes that the state was removed from the disk.
    pub(crate) fn state_removed(&mut self) {
        self.disk.removed();
    }
}
