//! Answers to calls. Only a signed one stops or permits anything.

use std::time::Duration;

use kaching_api::{ActivateAnswer, Discovery, HeartbeatAnswer, Problem};
use kaching_base::ErrorCode;
use kaching_license::{Credential, Invalid};
use serde::de::DeserializeOwned;

use super::{
    CallKind, Contact, Engine, Request,
    refusal::{LastRefusal, Stop},
};
use crate::{clock::Reading, random::Draw, start_error::StartError, transport::Reply};

/// An answer that comes later than this after its timeout is ignored.
const LATE: Duration = Duration::from_secs(5);

/// A report that the authority does not accept yet is sent again after this at the latest.
const LONGEST_REPORT_WAIT: Duration = Duration::from_secs(3600);

impl Engine {
    /// Takes the answer to a request that it gave.
    pub(crate) fn answered(&mut self, request: &Request, reply: Reply, now: Reading, draw: &Draw) {
        match request.kind {
            CallKind::Poll | CallKind::Stream => self.changes.end(),
            _ => self.calls.end(),
        }
        if request.kind == CallKind::Stream {
            return self.stream_over(reply, now, draw);
        }
        self.calls.settle(request.number);
        if self.deactivated
            && !matches!(request.kind, CallKind::Deactivate | CallKind::Enter | CallKind::Keyset)
        {
            return;
        }
        let late = now.boot > request.sent + request.call.timeout + LATE;
        // While a machine sleeps, timeouts may not run, and an old answer would pass for a new one.
        let reply = if late { Reply::Unreachable("its answer came too late".to_owned()) } else { reply };
        if request.kind == CallKind::Enter {
            return self.trial_answered(request, reply, now, draw);
        }
        let (status, body, retry_after) = match reply {
            Reply::Answer { status, body, retry_after } => (status, body, retry_after),
            Reply::Unreachable(why) => return self.unanswered(request, why, None, now, draw),
        };
        match (request.kind, status) {
            (CallKind::Keyset, 200) => self.keyset_answered(request, &body, now, draw),
            (CallKind::Activate, 200 | 201) => self.activation_answered(request, &body, now, draw),
            (CallKind::Heartbeat, 200) => self.heartbeat_granted(request, &body, now, draw),
            (CallKind::Catalogue, 200) => self.catalogue_answered(&body),
            (CallKind::Poll, 200) => self.poll_answered(request, &body, now, draw),
            (CallKind::Deactivate, 204) => self.activation.forget_credential(),
            (CallKind::Report, 204) => self.outbox.report_done(),
            (CallKind::Poll, 504) if self.changes.transport.gateway_timed_out(&self.settings.timing) => {
                tracing::info!("a gateway does not wait as long as the poll: the next one waits less");
                self.changes.transport.set_due(now.boot + self.settings.timing.poll_pause);
            }
            (CallKind::Poll | CallKind::Catalogue, 400..) => {
                tracing::info!(call = ?request.kind, status, "the license authority does not answer this now");
                self.put_off(request, retry_after, now, draw);
            }
            _ => match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => self.problem_answered(request, problem, retry_after, now, draw),
                Err(_) => {
                    let why = format!("it answers {status} where a license authority would answer otherwise");
                    self.unanswered(request, why, retry_after, now, draw);
                }
            },
        }
    }

    /// Handles a call without an answer that counts. The next attempts come later and later.
    pub(super) fn unanswered(
        &mut self,
        request: &Request,
        why: String,
        retry_after: Option<Duration>,
        now: Reading,
        draw: &Draw,
    ) {
        tracing::info!(call = ?request.kind, %why, "the license authority did not answer");
        match request.kind {
            CallKind::Catalogue => return,
            CallKind::Deactivate => return self.lost(why),
            // The next heartbeat shows whether the poll fails or the authority.
            CallKind::Poll => {
                self.changes.transport.poll_lost(now.boot);
                if !self.changes.transport.waits() {
                    let (low, high) = self.settings.timing.poll_interval;
                    self.changes.transport.set_due(now.boot + draw.between(low, high));
                }
                self.calls.heartbeat_at(now.boot);
            }
            // Likewise: the keys that are held verify its answer.
            CallKind::Keyset if self.keys.trusted().is_some() && self.lease.pending().is_none() => {
                self.calls.heartbeat_at(now.boot);
            }
            CallKind::Keyset => self.keys.retry_now(),
            CallKind::Activate => self.activation.retry_now(),
            CallKind::Heartbeat | CallKind::Report | CallKind::Enter | CallKind::Stream => {}
        }
        self.lost(why);
        self.calls.failed(now.boot, &self.settings.timing, retry_after, draw);
        self.start_offline(now);
    }

    pub(super) fn lost(&mut self, why: String) {
        self.calls.set_contact(Contact::Lost(why));
    }

    pub(super) fn reached(&mut self, now: Reading) {
        self.calls.reached(now.boot);
    }

    /// Starts without an answer, where a lease from before still permits it.
    pub(super) fn start_offline(&mut self, now: Reading) {
        if self.permits(now) {
            self.start.settle(Ok(()));
        }
    }

    /// Fails the start on an answer that will not change with time, unless a lease still permits it.
    pub(super) fn start_failed(&mut self, error: StartError, now: Reading) {
        self.start_offline(now);
        self.start.settle(Err(error));
    }

    fn keyset_answered(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(discovery) = self.parse::<Discovery>(request, body, now, draw) else { return };
        match self.trust(discovery.keysets.iter().map(String::as_str), now) {
            Ok(()) => {
                self.keys.fetched();
                self.reached(now);
                self.bound_withdrawn(now);
                self.resume_pending(now, draw);
            }
            Err(invalid) => {
                if invalid == Invalid::UnknownRoot {
                    let url = self.settings.url().to_owned();
                    self.start_failed(StartError::WrongRoot { url, answered: discovery.roots }, now);
                }
                self.unanswered(request, format!("its keys do not verify: {invalid}"), None, now, draw);
            }
        }
    }

    /// Trusts the first keyset that a pinned root has signed.
    pub(super) fn trust<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        now: Reading,
    ) -> Result<(), Invalid> {
        let time = self.time.is_set().then(|| self.now(now));
        let issued_at = self.keys.accept(texts, &self.settings.roots, time)?;
        self.time.at_least(issued_at, now);
        Ok(())
    }

    fn activation_answered(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(answer) = self.parse::<ActivateAnswer>(request, body, now, draw) else { return };
        let Ok(credential) = Credential::parse(answer.credential.expose()) else {
            return self.unanswered(request, "its credential cannot be read".to_owned(), None, now, draw);
        };
        // A keyset that does not verify changes nothing: the keys of the discovery stay.
        let _ = self.trust(std::iter::once(answer.keyset.as_str()), now);
        self.lease.set_quotas(answer.quotas);
        if self.lease_answered(request, answer.lease, Some(credential.activation), now, draw) {
            self.activation.begin(credential, &answer.credential, draw.nonce());
            self.changes.transport.retry_streams();
            self.settings.takeover = None;
            if self.owes_usage() {
                self.heartbeat_soon(now);
            }
        }
    }

    fn heartbeat_granted(&mut self, request: &Request, body: &[u8], now: Reading, draw: &Draw) {
        let Some(answer) = self.parse::<HeartbeatAnswer>(request, body, now, draw) else { return };
        for warning in &answer.warnings {
            tracing::warn!(%warning, "the license authority warns");
        }
        if self.lease_answered(request, answer.lease, self.activation.id(), now, draw) {
            self.lease.set_quotas(answer.quotas);
            self.heartbeat_answered(request, now, draw);
        }
    }

    /// Notes a heartbeat that was answered with a lease or a refusal: the next one has the next number.
    pub(super) fn heartbeat_answered(&mut self, request: &Request, now: Reading, draw: &Draw) {
        self.activation.heartbeat_answered(draw.nonce());
        // More than one heartbeat takes does not wait for the usual time of the next.
        if self.outbox.usage_acknowledged(request.usage) {
            self.heartbeat_soon(now);
        }
        self.delay.acknowledged(request.heard_ms);
    }

    fn catalogue_answered(&mut self, body: &[u8]) {
        if let Ok(body) = str::from_utf8(body) {
            self.lease.set_catalogue(body);
        }
    }

    /// Asks for changes again later; a failed fetch of the catalogue needs nothing.
    fn put_off(&mut self, request: &Request, retry_after: Option<Duration>, now: Reading, draw: &Draw) {
        if request.kind == CallKind::Poll {
            let (low, high) = self.settings.timing.poll_interval;
            self.changes
                .transport
                .set_due(now.boot + draw.between(low, high).max(retry_after.unwrap_or_default()));
        }
    }

    fn problem_answered(
        &mut self,
        request: &Request,
        problem: Problem,
        retry_after: Option<Duration>,
        now: Reading,
        draw: &Draw,
    ) {
        if let Some(statement) = &problem.statement {
            return self.refusal_answered(request, statement, &problem, now, draw);
        }
        use ErrorCode::{
            ActivationNotFound, CredentialInvalid, Failure, InvalidRequest, MalformedBody, OutcomeUnknown,
            Overloaded, RateLimited,
        };
        match problem.code.parse() {
            Ok(CredentialInvalid | ActivationNotFound) if request.kind == CallKind::Heartbeat => {
                tracing::info!(
                    code = problem.code,
                    "the credential is not the present one: activating again"
                );
                self.reached(now);
                self.activation.note_displaced(self.now(now));
                let ended = self.lease.stop().is_some_and(Stop::ends_activation);
                self.activation.want(!ended);
                self.heartbeat_later(now, draw);
            }
            Ok(CredentialInvalid | ActivationNotFound) if request.kind == CallKind::Deactivate => {
                self.activation.forget_credential();
            }
            // An authority that does not know the field has answered nothing yet: the heartbeat is sent again without it.
            Ok(InvalidRequest | MalformedBody) if request.heard_ms.is_some() => {
                self.delay.refused();
                self.calls.heartbeat_at(now.boot);
            }
            // The answer to this nonce was lost, and another process holds its credential: a new nonce makes a new one.
            Ok(CredentialInvalid) if request.kind == CallKind::Activate && request.again => {
                self.reached(now);
                self.activation.drop_nonce();
                self.activation.retry_now();
            }
            // The next heartbeat settles what is wrong with the credential.
            Ok(CredentialInvalid | ActivationNotFound) if request.kind == CallKind::Report => {
                self.calls.heartbeat_at(now.boot);
                self.unanswered(request, problem.detail, retry_after, now, draw);
            }
            // It answers, and accepts no more for now: only reports wait.
            Ok(RateLimited) if request.kind == CallKind::Report => {
                let asked = problem.retry_after_s.map_or(LONGEST_REPORT_WAIT, Duration::from_secs);
                self.outbox.report_at(now.boot + asked.min(LONGEST_REPORT_WAIT));
            }
            Ok(RateLimited | Overloaded | OutcomeUnknown | Failure) => {
                let asked = problem.retry_after_s.map(|wait| Duration::from_secs(wait.min(300)));
                self.unanswered(request, problem.detail, retry_after.or(asked), now, draw);
            }
            _ if request.kind == CallKind::Report => {
                tracing::warn!(code = problem.code, detail = problem.detail, "a report is not accepted");
                self.outbox.report_done();
            }
            code => {
                let error = StartError::of_problem(code.ok(), &problem, &self.settings);
                self.lease.set_refusal(LastRefusal::of_problem(&problem));
                self.start_failed(error, now);
                if request.kind == CallKind::Activate {
                    // Nothing was activated: the next attempt is a new request.
                    self.activation.drop_nonce();
                }
                self.unanswered(request, problem.detail, retry_after, now, draw);
            }
        }
    }

    pub(super) fn parse<T: DeserializeOwned>(
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
