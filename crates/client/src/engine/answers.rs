//! What answers mean. Only what is signed stops or permits anything.

use std::time::Duration;

use kaching_api::{ActivateAnswer, Discovery, HeartbeatAnswer, Problem, SecretText};
use kaching_base::ErrorCode;
use kaching_license::{Credential, Invalid, Keyset, Moment, TrustedKeyset};
use serde::de::DeserializeOwned;

use super::{Ask, Contact, Engine, LastRefusal, Request, record::Beat, requests::USAGE};
use crate::{clock::Reading, random::Draw, start_error::StartError, transport::Reply};

/// How long after its timeout an answer may still be looked at.
const LATE: Duration = Duration::from_secs(5);

/// A report that the authority does not take yet is told again after this at the latest.
const LONGEST_REPORT_WAIT: Duration = Duration::from_secs(3600);

impl Engine {
    /// Takes the answer to a request that it gave.
    pub(crate) fn answered(&mut self, request: &Request, reply: Reply, now: Reading, draw: &Draw) {
        match request.ask {
            Ask::Changes | Ask::Events => self.asking = false,
            _ => self.calling = false,
        }
        if request.ask == Ask::Events {
            return self.stream_over(reply, now, draw);
        }
        self.turned = self.turned.max(request.turn);
        if self.ended && !matches!(request.ask, Ask::Deactivate | Ask::Enter | Ask::Keyset) {
            return;
        }
        let late = now.boot > request.sent + request.call.timeout + LATE;
        // While a machine sleeps, timeouts may stand still, and what came before would pass for new.
        let reply = if late { Reply::Unreachable("its answer came too late".to_owned()) } else { reply };
        if request.ask == Ask::Enter {
            return self.trial_came(request, reply, now, draw);
        }
        let (status, body, retry_after) = match reply {
            Reply::Answer { status, body, retry_after } => (status, body, retry_after),
            Reply::Unreachable(why) => return self.unanswered(request, why, None, now, draw),
        };
        match (request.ask, status) {
            (Ask::Keyset, 200) => self.keyset_came(request, &body, now, draw),
            (Ask::Activate, 200 | 201) => self.activation_came(request, &body, now, draw),
            (Ask::Heartbeat, 200) => self.heartbeat_came(request, &body, now, draw),
            (Ask::Catalogue, 200) => self.catalogue_came(&body),
            (Ask::Changes, 200) => self.changes_came(request, &body, now, draw),
            (Ask::Deactivate, 204) => self.deactivated(),
            (Ask::Report, 204) => self.report_done(),
            (Ask::Changes, 504) if self.pace.hearing.gave_up(&self.settings.timing) => {
                tracing::info!("a gateway does not wait as long as the question: the next one waits less");
                self.pace.hearing.due = now.boot + self.settings.timing.pause;
            }
            (Ask::Changes | Ask::Catalogue, 400..) => {
                tracing::info!(call = ?request.ask, status, "the license authority does not answer this now");
                self.put_off(request, retry_after, now, draw);
            }
            _ => match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => self.problem_came(request, problem, retry_after, now, draw),
                Err(_) => {
                    let why = format!("it answers {status} where a license authority would answer otherwise");
                    self.unanswered(request, why, retry_after, now, draw);
                }
            },
        }
    }

    /// No answer that counts: unknown. It tries again, later and later.
    pub(super) fn unanswered(
        &mut self,
        request: &Request,
        why: String,
        retry_after: Option<Duration>,
        now: Reading,
        draw: &Draw,
    ) {
        tracing::info!(call = ?request.ask, %why, "the license authority did not answer");
        match request.ask {
            Ask::Catalogue => return,
            Ask::Deactivate => return self.lost(why),
            // The next heartbeat shows whether it is the question or the authority.
            Ask::Changes => {
                self.pace.hearing.question_lost(now.boot);
                if !self.pace.hearing.waits() {
                    let (low, high) = self.settings.timing.poll;
                    self.pace.hearing.due = now.boot + draw.between(low, high);
                }
                self.pace.heartbeat = now.boot;
            }
            // Likewise: the keys that are held verify its answer.
            Ask::Keyset if self.keyset.is_some() && self.pending.is_none() => {
                self.pace.heartbeat = now.boot;
            }
            Ask::Keyset => self.pace.keyset.anew(),
            Ask::Activate => self.pace.activation.anew(),
            Ask::Heartbeat | Ask::Report | Ask::Enter | Ask::Events => {}
        }
        self.lost(why);
        self.pace.failed(now.boot, &self.settings.timing, retry_after, draw);
        self.start_offline(now);
    }

    pub(super) fn lost(&mut self, why: String) {
        self.contact = Contact::Lost(why);
    }

    pub(super) fn reached(&mut self, now: Reading) {
        self.contact = Contact::Made;
        self.pace.reached(now.boot);
    }

    /// A start that gets no answer goes on with what was verified before, where that still says yes.
    pub(super) fn start_offline(&mut self, now: Reading) {
        if self.starting && self.permits(now) {
            self.settle_start(Ok(()));
        }
    }

    /// A start that got an answer which no waiting will change; where a lease still says yes, it runs on.
    pub(super) fn start_failed(&mut self, error: StartError, now: Reading) {
        self.start_offline(now);
        self.settle_start(Err(error));
    }

    fn keyset_came(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(discovery) = self.read::<Discovery>(request, body, now, draw) else { return };
        match self.trust(discovery.keysets.iter().map(String::as_str), now) {
            Ok(()) => {
                self.pace.keyset.wanted = false;
                self.reached(now);
                self.bound_withdrawn(now);
                self.resume_pending(now, draw);
            }
            Err(invalid) => {
                if invalid == Invalid::UnknownRoot {
                    let url = self.settings.url.clone();
                    self.start_failed(StartError::WrongRoot { url, answered: discovery.roots }, now);
                }
                self.unanswered(request, format!("its keys do not verify: {invalid}"), None, now, draw);
            }
        }
    }

    /// Takes the first keyset that a pinned root has signed.
    pub(super) fn trust<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        now: Reading,
    ) -> Result<(), Invalid> {
        let held = self.keyset.as_ref().map(|held| held.keyset().version);
        let epoch = self.keyset.as_ref().map(|held| held.keyset().epoch);
        // Before any contact the clock may be wrong, and in a later epoch the authority's time may have gone back: then the
        // keyset's end bounds the time of what it verifies.
        let judges = |keyset: &Keyset| self.time.is_set() && epoch.is_none_or(|epoch| keyset.epoch <= epoch);
        let mut reason = Invalid::UnknownRoot;
        for text in texts {
            match TrustedKeyset::verify(text, &self.settings.roots, held, Moment::Inspect) {
                Ok(keyset) if judges(keyset.keyset()) && self.now(now) >= keyset.keyset().exp => {
                    reason = Invalid::KeysetExpired;
                }
                Ok(keyset) => {
                    self.time.at_least(keyset.keyset().iat, now);
                    if held != Some(keyset.keyset().version) {
                        self.record.keyset = Some(text.to_owned());
                        self.dirty = true;
                    }
                    self.keyset = Some(keyset);
                    return Ok(());
                }
                Err(Invalid::UnknownRoot) => {}
                Err(invalid) => reason = invalid,
            }
        }
        Err(reason)
    }

    fn activation_came(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(answer) = self.read::<ActivateAnswer>(request, body, now, draw) else { return };
        let Ok(credential) = Credential::parse(answer.credential.expose()) else {
            return self.unanswered(request, "its credential cannot be read".to_owned(), None, now, draw);
        };
        // One that does not verify changes nothing: the keys of the discovery stay.
        let _ = self.trust(std::iter::once(answer.keyset.as_str()), now);
        self.quotas = answer.quotas;
        let text = SecretText::new(answer.credential.expose().to_owned());
        let before = (self.credential.replace(credential), self.record.credential.replace(text));
        if self.lease_came(request, answer.lease, now, draw) {
            self.record.beat = Some(Beat { number: 1, nonce: draw.nonce(), unsent: true });
            self.durable = None;
            self.record.activating = None;
            self.pace.activation.wanted = false;
            self.pace.hearing.anew();
            self.settings.takeover = None;
            self.dirty = true;
            if self.owes_usage() {
                self.beat_soon(now);
            }
        } else {
            (self.credential, self.record.credential) = before;
        }
    }

    fn heartbeat_came(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(answer) = self.read::<HeartbeatAnswer>(request, body, now, draw) else { return };
        for warning in &answer.warnings {
            tracing::warn!(%warning, "the license authority warns");
        }
        if self.lease_came(request, answer.lease, now, draw) {
            self.quotas = answer.quotas;
            self.heartbeat_answered(request, now, draw);
        }
    }

    /// The next heartbeat has the next number, and a nonce that is stored in the same write.
    pub(super) fn heartbeat_answered(&mut self, request: &Request, now: Reading, draw: &Draw) {
        if let Some(beat) = &mut self.record.beat {
            *beat = Beat { number: beat.number + 1, nonce: draw.nonce(), unsent: true };
        }
        let owed = self.record.usage.len();
        self.record.usage.retain(|entry| entry.seq > request.usage);
        // More than one heartbeat takes does not wait for the usual time of the next.
        if owed > USAGE {
            self.beat_soon(now);
        }
        self.heard_ms.take_if(|heard| Some(*heard) == request.heard_ms);
        self.dirty = true;
    }

    fn catalogue_came(&mut self, body: &[u8]) {
        let Some(grant) = self.grant.as_ref() else { return };
        let Ok(text) = str::from_utf8(body) else { return };
        // What is not the catalogue that the lease names is not shown.
        let Some(catalogue) = super::catalogue(text, grant.lease.cat) else {
            tracing::info!("the catalogue is another one than the lease names");
            return;
        };
        self.grant =
            Some(crate::grant::Grant { lease: grant.lease.clone(), catalogue: Some(catalogue) }.into());
        self.record.catalogue = Some(text.to_owned());
        self.pace.catalogue.wanted = false;
        self.dirty = true;
    }

    /// Neither question nor catalogue is worth more than another try later.
    fn put_off(&mut self, request: &Request, retry_after: Option<Duration>, now: Reading, draw: &Draw) {
        if request.ask == Ask::Changes {
            let (low, high) = self.settings.timing.poll;
            self.pace.hearing.due = now.boot + draw.between(low, high).max(retry_after.unwrap_or_default());
        }
    }

    fn deactivated(&mut self) {
        self.credential = None;
        self.record.credential = None;
        self.record.beat = None;
        self.durable = None;
        self.dirty = true;
    }

    fn problem_came(
        &mut self,
        request: &Request,
        problem: Problem,
        retry_after: Option<Duration>,
        now: Reading,
        draw: &Draw,
    ) {
        if let Some(statement) = &problem.statement {
            return self.refusal_came(request, statement, &problem, now, draw);
        }
        use ErrorCode::{
            ActivationNotFound, CredentialInvalid, Failure, InvalidRequest, MalformedBody, OutcomeUnknown,
            Overloaded, RateLimited,
        };
        match problem.code.parse() {
            Ok(CredentialInvalid | ActivationNotFound) if request.ask == Ask::Heartbeat => {
                tracing::info!(code = problem.code, "the credential does not fit: activating again");
                self.reached(now);
                self.displaced(now);
                let ended = self.record.stop.as_ref().is_some_and(super::record::Stop::ends_activation);
                self.pace.activation.wanted = !ended;
                self.beat_later(now, draw);
            }
            Ok(CredentialInvalid | ActivationNotFound) if request.ask == Ask::Deactivate => {
                self.deactivated()
            }
            // An authority that does not know the field has answered nothing yet: the same again, without it.
            Ok(InvalidRequest | MalformedBody) if request.heard_ms.is_some() => {
                (self.tells_heard, self.heard_ms) = (false, None);
                self.pace.heartbeat = now.boot;
            }
            // The answer to this nonce was lost, and somebody holds its credential: a new nonce makes a new one.
            Ok(CredentialInvalid) if request.ask == Ask::Activate && request.again => {
                self.reached(now);
                self.record.activating = None;
                self.dirty = true;
                self.pace.activation.anew();
            }
            // The next heartbeat settles what is wrong with the credential.
            Ok(CredentialInvalid | ActivationNotFound) if request.ask == Ask::Report => {
                self.pace.heartbeat = now.boot;
                self.unanswered(request, problem.detail, retry_after, now, draw);
            }
            // It answers, and has been told enough for now: only reports wait.
            Ok(RateLimited) if request.ask == Ask::Report => {
                let asked = problem.retry_after_s.map_or(LONGEST_REPORT_WAIT, Duration::from_secs);
                self.pace.report = now.boot + asked.min(LONGEST_REPORT_WAIT);
            }
            Ok(RateLimited | Overloaded | OutcomeUnknown | Failure) => {
                let asked = problem.retry_after_s.map(|wait| Duration::from_secs(wait.min(300)));
                self.unanswered(request, problem.detail, retry_after.or(asked), now, draw);
            }
            _ if request.ask == Ask::Report => {
                tracing::warn!(code = problem.code, detail = problem.detail, "a report is not taken");
                self.report_done();
            }
            code => {
                let error = StartError::of_problem(code.ok(), &problem, &self.settings);
                self.refusal = Some(LastRefusal::of_problem(&problem));
                self.start_failed(error, now);
                if request.ask == Ask::Activate {
                    // Nothing was bound: the next attempt is another one.
                    self.record.activating = None;
                    self.dirty = true;
                }
                self.unanswered(request, problem.detail, retry_after, now, draw);
            }
        }
    }

    /// A credential that never left this process was displaced all the same. Once may be a restore from a backup.
    fn displaced(&mut self, now: Reading) {
        let at = self.now(now);
        let displaced = &mut self.record.displaced;
        displaced.push(at);
        if displaced.len() > 2 {
            displaced.remove(0);
        }
        self.dirty = true;
    }

    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        body: &[u8],
        now: Reading,
        draw: &Draw,
    ) -> Option<T> {
        match serde_json::from_slice(body) {
            Ok(answer) => Some(answer),
            Err(_) => {
                let why = "its answer cannot be read".to_owned();
                self.unanswered(request, why, None, now, draw);
                None
            }
        }
    }
}
