//! What a client does, without doing it: it takes the time, random bytes and answers, and gives requests, what to
//! write to disk, and what checks shall say. It reads no clock, opens no file and sends nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kaching_api::{Catalogue, Health, Quota, Usage};
use kaching_base::{Seconds, Timestamp};
use kaching_license::{Credential, Digest, Expected, Lease, Moment, TrustedKeyset};

use crate::{
    clock::{Reading, until},
    grant::Grant,
    settings::Settings,
    start_error::StartError,
    time::TrustedTime,
    transport::Call,
    warning::Warning,
};

mod answers;
mod changes;
mod entering;
mod following;
mod hearing;
mod measure;
mod pace;
mod record;
#[cfg(feature = "testing")]
mod rehearsing;
mod requests;
mod statements;
mod streaming;
mod telling;
mod validating;
mod verdict;
mod withdrawn;

use changes::Hint;
use entering::Candidate;
use measure::TheirClock;
use pace::Pace;
use record::Beat;
pub(crate) use record::Record;
#[cfg(feature = "testing")]
pub(crate) use rehearsing::Scene;
use streaming::Stream;
pub(crate) use verdict::LastRefusal;

/// Two displacements within this time speak for a copy.
const COPY_WATCHED: Seconds = Seconds::days(1);
/// A keyset is signed anew every day, long before its end; one that has so little left is not.
const KEYS_LEFT: Seconds = Seconds::days(7);

/// The state machine of one guard.
pub(crate) struct Engine {
    settings: Settings,
    record: Record,
    /// Number and nonce as they stand on disk; what is sent where writing fails.
    durable: Option<Beat>,
    dirty: bool,
    marked: Duration,
    time: TrustedTime,
    keyset: Option<TrustedKeyset>,
    grant: Option<Arc<Grant>>,
    credential: Option<Credential>,
    /// A lease that waits for a newer keyset.
    pending: Option<Pending>,
    contact: Contact,
    pace: Pace,
    calling: bool,
    asking: bool,
    /// Changes seen of which no lease tells yet.
    seen_epoch: u64,
    seen_rev: u64,
    hint: Option<Hint>,
    /// The stream that is open, or asked for.
    stream: Option<Stream>,
    their_clock: Option<TheirClock>,
    /// The moment of a change that has just been acted upon.
    enacted: Option<Timestamp>,
    /// How long the last change took to get here and be acted upon, until that is told.
    heard_ms: Option<u64>,
    /// Whether the authority takes that.
    tells_heard: bool,
    /// Counts stops, so that an answer to a question from before one is recognised.
    stops: u64,
    refusal: Option<LastRefusal>,
    quotas: Vec<Quota>,
    /// Until the start is settled, one way or the other.
    starting: bool,
    outcome: Option<Result<(), StartError>>,
    /// The host has deactivated it, and asks for nothing more.
    ended: bool,
    /// The host wants a heartbeat now, whatever an answer on its way would put off.
    hurried: bool,
    /// Heartbeats and activations that were sent.
    turns: u64,
    /// The last of them that was answered or lost.
    turned: u64,
    /// Another process or node keeps the lease; this one sends nothing.
    follows: bool,
    /// A key that somebody has entered, while it is tried, and then how that went.
    candidate: Option<Candidate>,
    entered: Option<Result<(), StartError>>,
    /// How the product is, as it says.
    health: Option<Health>,
    /// Why the state could not be written the last time.
    unwritten: Option<String>,
    /// Whether a start on what stands on disk would run.
    disk_permits: bool,
}

/// Whether the authority answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// Not asked yet.
    None,
    /// The last call was answered.
    Made,
    /// It was not, and why, as a part of a sentence.
    Lost(String),
}

struct Pending {
    jws: String,
    request: Digest,
    activates: bool,
    asked: Duration,
    exp: Timestamp,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Keyset,
    Activate,
    Heartbeat,
    Catalogue,
    Deactivate,
    /// A question for changes.
    Changes,
    /// The stream of them.
    Events,
    Enter,
    Report,
}

/// A call to make, with what is needed to judge its answer.
pub(crate) struct Request {
    pub(crate) ask: Ask,
    pub(crate) call: Call,
    /// What its answer must name.
    hash: Digest,
    stops: u64,
    sent: Duration,
    usage: u64,
    /// Of a heartbeat or an activation: how many were sent with it.
    turn: u64,
    /// Its bytes may have been sent before, and answered.
    again: bool,
    /// Of a heartbeat: how long a change took, as far as it tells that.
    heard_ms: Option<u64>,
}

impl Request {
    /// Whether its answer goes on and on.
    pub(crate) fn streams(&self) -> bool {
        self.ask == Ask::Events
    }
}

impl Engine {
    /// An engine with what was left on disk.
    pub(crate) fn new(mut settings: Settings, left: Option<&[u8]>, now: Reading, boot_id: String) -> Self {
        let record = Record::restore(left, &mut settings);
        let mut engine = Self {
            time: TrustedTime::restore(record.time.as_ref(), boot_id, now),
            durable: record.beat.clone(),
            // Time is marked at once: a process that is ended again and again does not make it stand still.
            dirty: true,
            marked: now.boot,
            keyset: None,
            grant: None,
            credential: None,
            pending: None,
            contact: Contact::None,
            pace: Pace::new(now.boot),
            calling: false,
            asking: false,
            seen_epoch: 0,
            seen_rev: 0,
            hint: None,
            stream: None,
            their_clock: None,
            enacted: None,
            heard_ms: None,
            tells_heard: true,
            stops: 0,
            refusal: None,
            quotas: Vec::new(),
            starting: true,
            outcome: None,
            ended: false,
            hurried: false,
            turns: 0,
            turned: 0,
            follows: false,
            candidate: None,
            entered: None,
            health: None,
            unwritten: None,
            disk_permits: record.permits(),
            settings,
            record,
        };
        engine.recall(now);
        engine.look_at_clock(now);
        engine
    }

    /// Notes that the wall clock is past the license's end, while only contact could tell whether it is right.
    pub(crate) fn look_at_clock(&mut self, now: Reading) {
        if let Some(end) = self.grant.as_ref().and_then(|grant| grant.license_ends()) {
            self.dirty |= self.time.note_past_end(end, now);
        }
    }

    /// Verifies what was left on disk again; what does not verify counts for nothing.
    fn recall(&mut self, now: Reading) {
        let roots = &self.settings.roots;
        let keyset = self.record.keyset.as_deref();
        self.keyset = keyset.and_then(|text| TrustedKeyset::verify(text, roots, None, Moment::Inspect).ok());
        let credential = self.record.credential.as_ref().filter(|_| self.record.beat.is_some());
        self.credential = credential.and_then(|text| Credential::parse(text.expose()).ok());
        if let Some(keyset) = &self.keyset {
            self.time.at_least(keyset.keyset().iat, now);
            let expected = Expected {
                aud: Some(self.settings.product.as_str()),
                act: self.credential.as_ref().map(|credential| credential.activation),
                fpr: Some(self.settings.fingerprint.hash()),
                ..Expected::default()
            };
            // Its own times are judged with every verdict.
            let lease = self.record.lease.as_deref();
            let lease = lease.and_then(|text| keyset.verify_lease(text, &expected, Moment::Inspect).ok());
            if let Some(lease) = lease {
                self.time.at_least(lease.iat, now);
                let catalogue = self.record.catalogue.as_deref().and_then(|body| catalogue(body, lease.cat));
                self.grant = Some(Arc::new(Grant { lease, catalogue }));
            }
        }
        if let Some(stop) = &self.record.stop {
            self.time.at_least(stop.iat, now);
            self.refusal = Some(LastRefusal::of_stop(stop));
        }
        let ended = self.record.stop.as_ref().is_some_and(record::Stop::ends_activation);
        let superseded =
            self.record.stop.as_ref().is_some_and(|stop| stop.code.as_str() == "activation_superseded");
        let again = self.record.stop.as_ref().is_some_and(record::Stop::of_lost_slot)
            || ended && (!superseded || self.settings.takeover.is_some());
        self.pace.activation.wanted = self.credential.is_none() || again || self.settings.takeover.is_some();
    }

    /// The same installation, while another process or node keeps its lease.
    pub(crate) fn follow(self) -> Self {
        Self { follows: true, ..self }
    }

    /// In the place of one that followed: what was settled stays so.
    pub(crate) fn succeed(self, follower: &Self) -> Self {
        Self { starting: follower.starting, health: follower.health.clone(), ..self }
    }

    /// Whether another process or node keeps the lease.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// What it was started with, a key that was entered meanwhile included.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The client's own time.
    pub(crate) fn now(&self, now: Reading) -> Timestamp {
        self.time.now(now)
    }

    fn lease(&self) -> Option<&Lease> {
        self.grant.as_ref().map(|grant| &grant.lease)
    }

    /// How the start went, once that is known.
    pub(crate) fn started(&mut self) -> Option<Result<(), StartError>> {
        self.outcome.take()
    }

    /// The time for the start is over: it goes on with what was verified before, or not at all.
    pub(crate) fn give_up(&mut self, now: Reading) -> Result<(), StartError> {
        let error = match &self.record.stop {
            Some(stop) => {
                StartError::Refused { code: stop.code.clone(), detail: stop.detail.clone(), contact: None }
            }
            None if self.follows => {
                let why = self.trouble().unwrap_or("the process that keeps it has none yet").to_owned();
                StartError::NothingToFollow { why }
            }
            None if self.settings.license_key.is_none() => StartError::NoKey,
            None => {
                let why = self.trouble().unwrap_or("it did not answer in time").to_owned();
                StartError::Unreachable { url: self.settings.url.clone(), why }
            }
        };
        self.start_failed(error, now);
        self.outcome.take().unwrap_or(Ok(()))
    }

    /// Whether a no can say how to get a yes, as far as that is to be had now.
    pub(crate) fn can_explain(&self) -> bool {
        let waits = self.pace.catalogue.wanted && self.contact == Contact::Made && !self.follows;
        self.grant.as_ref().is_none_or(|grant| grant.catalogue.is_some()) || !waits
    }

    /// The start can only fail, whatever else is answered.
    pub(crate) fn cannot_start(&mut self, error: StartError) {
        self.settle_start(Err(error));
    }

    fn settle_start(&mut self, outcome: Result<(), StartError>) {
        if self.starting {
            self.starting = false;
            self.outcome = Some(outcome);
        }
    }

    /// The levels as the host told them, or as they were left.
    pub(crate) fn levels(&self) -> &BTreeMap<String, u64> {
        &self.record.levels
    }

    /// Whether there is usage that the authority has not acknowledged.
    pub(crate) fn owes_usage(&self) -> bool {
        !self.record.usage.is_empty()
    }

    /// Whether the slot was given back, or never held.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.credential.is_none()
    }

    /// What people should look at.
    pub(crate) fn warnings(&self, now: Reading) -> Vec<Warning> {
        let time = self.now(now);
        let clock = self.time.asks_for_contact(now).then_some(Warning::Clock);
        let recent = self.record.displaced.iter().filter(|at| **at + COPY_WATCHED > time).count();
        let held = self.credential.as_ref().map(|credential| credential.activation);
        let activation = held.or_else(|| self.lease().map(|lease| lease.act)).filter(|_| recent > 1);
        let copy = activation.map(|activation| Warning::Copy { activation });
        let end = self.keyset.as_ref().map(|keyset| keyset.keyset().exp);
        let keys = end.filter(|end| *end - KEYS_LEFT < time).map(|end| Warning::Keys { end });
        let state = self.unwritten.clone().map(|why| Warning::State { why });
        let stream = self.pace.hearing.trouble().map(|why| Warning::Stream { why: why.to_owned() });
        [clock, copy, keys, state, stream].into_iter().flatten().collect()
    }

    /// Why there is no contact, as a part of a sentence.
    pub(crate) fn trouble(&self) -> Option<&str> {
        match &self.contact {
            Contact::Lost(why) => Some(why),
            Contact::None | Contact::Made => None,
        }
    }

    /// Whether the heartbeat that [`hurry`](Self::hurry) asked for, or an activation in its place, was answered or lost.
    pub(crate) fn hurried_since(&self, turns: u64) -> bool {
        self.ended || self.turned > turns
    }

    /// The quotas of the last answer, to show.
    pub(crate) fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// The state as it must stand on disk before anything else is sent, if it does not yet.
    pub(crate) fn unsaved(&mut self, now: Reading) -> Option<Vec<u8>> {
        if !self.dirty && now.boot < self.marked + self.settings.timing.mark {
            return None;
        }
        self.marked = now.boot;
        self.record.time = Some(self.time.mark(now));
        Some(self.record.bytes())
    }

    /// Whether the state stands on disk. Where it does not, the last heartbeat that does is repeated.
    pub(crate) fn saved(&mut self, written: Result<(), String>) {
        let done = written.is_ok();
        self.unwritten = written.err();
        if done {
            self.disk_permits = self.record.permits();
            self.dirty = false;
            self.durable.clone_from(&self.record.beat);
        } else if self.durable.is_some() {
            self.record.beat = self.durable.clone().map(|beat| Beat { unsent: false, ..beat });
        } else {
            self.durable.clone_from(&self.record.beat);
        }
    }

    /// Whether what stands on disk would run, and what is known by now would not.
    pub(crate) fn undone_by_restart(&self) -> bool {
        self.disk_permits && !self.record.permits()
    }

    /// Nothing stands on disk any more.
    pub(crate) fn forgotten(&mut self) {
        self.disk_permits = false;
    }

    /// Takes the levels and the usage that the host told since the last time.
    pub(crate) fn count(&mut self, levels: BTreeMap<String, u64>, used: Vec<(String, u64)>, now: Reading) {
        if levels != self.record.levels {
            self.record.levels = levels;
            self.dirty = true;
            // A cluster that has just grown should not look small for minutes.
            self.beat_soon(now);
        }
        self.use_up(used, now);
    }

    fn use_up(&mut self, used: Vec<(String, u64)>, now: Reading) {
        let at = self.now(now);
        for (meter, amount) in used {
            let record = &mut self.record;
            let unsent = |entry: &&mut Usage| entry.seq > record.usage_sent && entry.meter == meter;
            self.dirty = true;
            if let Some(entry) = record.usage.iter_mut().find(unsent) {
                entry.amount = entry.amount.saturating_add(amount);
                continue;
            }
            record.usage_seq += 1;
            record.usage.push(Usage { meter, amount, seq: record.usage_seq, at });
        }
    }

    pub(super) fn beat_soon(&mut self, now: Reading) {
        self.pace.heartbeat = self.pace.heartbeat.min(now.boot + self.settings.timing.poll.0);
    }

    /// The next heartbeat is due now. How many were sent before it: one on its way tells nothing of what is owed now.
    /// Nothing where none can be sent for a while, because the next activation has to wait.
    pub(crate) fn hurry(&mut self, now: Reading) -> Option<u64> {
        let put_off = !self.calling && self.pace.activation.wanted;
        if put_off && self.activation_due().is_some_and(|due| due > now.boot) {
            return None;
        }
        self.hurried = true;
        self.pace.heartbeat = now.boot;
        self.pace.quiet = now.boot;
        Some(self.turns)
    }

    /// When there is something to do next on the lane of calls.
    pub(crate) fn wake(&self, now: Reading) -> Duration {
        let timing = &self.settings.timing;
        let mut due = vec![self.marked + timing.mark];
        if self.is_alive() && !self.calling {
            let call = [
                self.pace.keyset.due(timing.refetch),
                self.candidate_due(),
                self.activation_due(),
                self.heartbeat_due(),
                self.report_due(),
                self.catalogue_due(),
            ];
            due.extend(call.into_iter().flatten().map(|at| at.max(self.pace.quiet)));
        }
        due.extend(self.disbelieved_until(now).filter(|end| *end > now.boot));
        let time = self.now(now);
        if let Some(pending) = &self.pending {
            due.push(now.boot + until(time, pending.exp));
        }
        if let Some(lease) = self.lease() {
            let ends = [Some(lease.exp), Some(lease.run_until), lease.lic_exp];
            due.extend(
                ends.into_iter().flatten().filter(|end| *end > time).map(|end| now.boot + until(time, end)),
            );
        }
        due.into_iter().min().unwrap_or(now.boot)
    }

    /// Whether there is anything to send: after the host has deactivated it only a key that somebody enters.
    fn is_alive(&self) -> bool {
        !self.ended || self.candidate.is_some()
    }

    fn activation_due(&self) -> Option<Duration> {
        self.keyset.as_ref()?;
        self.settings.license_key.as_ref()?;
        self.pace.activation.due(self.settings.timing.reactivate)
    }

    fn heartbeat_due(&self) -> Option<Duration> {
        let beats = self.keyset.is_some() && self.credential.is_some() && !self.pace.activation.wanted;
        let due = if self.hurried { Duration::ZERO } else { self.pace.heartbeat };
        (beats && self.pending.is_none()).then_some(due)
    }

    fn catalogue_due(&self) -> Option<Duration> {
        self.grant.as_ref().filter(|_| self.record.stop.is_none())?;
        let timing = &self.settings.timing;
        self.pace.catalogue.due_soon(timing.backoff.0, timing.refetch)
    }

    /// When the next question for changes, or stream of them, is due; none while there is nobody to ask.
    pub(crate) fn question_due(&self, now: Reading) -> Option<Duration> {
        let asks = !self.ended && !self.asking && !self.follows && self.contact == Contact::Made;
        let lease = self.lease().filter(|lease| asks && self.now(now) < lease.exp)?;
        (self.credential.as_ref()?.activation == lease.act)
            .then(|| self.pace.hearing.due.max(self.pace.quiet))
    }
}

/// The catalogue of these bytes, if they are the ones that the lease names.
fn catalogue(body: &str, hash: Digest) -> Option<Catalogue> {
    (Digest::of(body) == hash).then(|| serde_json::from_str(body).ok()).flatten()
}
