//! A license key that somebody enters while the product runs. Until its activation has brought a lease, everything goes
//! on as it was: a wrong key stops nothing.

use std::time::Duration;

use kaching_api::{ActivateAnswer, Problem, SecretText};
use kaching_license::{Credential, Digest, Expected, Moment};

use super::{
    Ask, Engine, Record, Request,
    record::{Beat, Entered},
};
use crate::{
    Fingerprint, LicenseKey, clock::Reading, random::Draw, settings::Settings, start_error::StartError,
    transport::Reply,
};

/// A key on trial.
pub(crate) struct Candidate {
    pub(crate) license_key: LicenseKey,
    pub(crate) fingerprint: Fingerprint,
    nonce: String,
    /// What its answer must name, once it is sent.
    asked: Option<Digest>,
}

impl Engine {
    /// Tries a key at once, for another fingerprint where one is given.
    pub(crate) fn enter(
        &mut self,
        license_key: LicenseKey,
        fingerprint: Option<Fingerprint>,
        now: Reading,
        draw: &Draw,
    ) {
        let fingerprint = fingerprint.unwrap_or_else(|| self.settings.fingerprint.clone());
        self.candidate = Some(Candidate { license_key, fingerprint, nonce: draw.nonce(), asked: None });
        self.entered = None;
        self.pace.quiet = now.boot;
        if self.keyset.is_none() {
            self.pace.keyset.wanted = true;
            self.pace.keyset.anew();
        }
    }

    /// How the last trial went, once that is known.
    pub(crate) fn tried(&mut self) -> Option<Result<(), StartError>> {
        self.entered.take()
    }

    /// Nobody waits for the trial any more.
    pub(crate) fn dismiss_candidate(&mut self) -> StartError {
        self.candidate = None;
        let why = self.trouble().unwrap_or("it did not answer in time").to_owned();
        StartError::Unreachable { url: self.settings.url.clone(), why }
    }

    pub(super) fn candidate_due(&self) -> Option<Duration> {
        self.keyset.as_ref()?;
        self.candidate.as_ref().map(|_| Duration::ZERO)
    }

    pub(super) fn try_candidate(&mut self, now: Reading) -> Option<Request> {
        let Candidate { license_key, fingerprint, nonce, .. } = self.candidate.as_ref()?;
        let request = self.activation_of(Ask::Enter, license_key, fingerprint, None, nonce.clone(), now);
        if let Some(candidate) = &mut self.candidate {
            candidate.asked = Some(request.hash);
        }
        Some(request)
    }

    /// Judges the answer to a trial.
    pub(super) fn trial_came(&mut self, request: &Request, reply: Reply, now: Reading, draw: &Draw) {
        // One that nobody waits for any more may be answered while the next one is on trial.
        let Some(candidate) = self.candidate.take_if(|candidate| candidate.asked == Some(request.hash))
        else {
            return;
        };
        let outcome = match reply {
            Reply::Unreachable(why) => Err(self.cannot_be_asked(why)),
            Reply::Answer { status: 200 | 201, body, .. } => {
                self.accept(candidate, request, &body, now, draw)
            }
            Reply::Answer { status, body, .. } => Err(self.trial_refused(request, status, &body)),
        };
        self.entered = Some(outcome);
    }

    fn cannot_be_asked(&self, why: String) -> StartError {
        StartError::Unreachable { url: self.settings.url.clone(), why }
    }

    fn trial_refused(&self, request: &Request, status: u16, body: &[u8]) -> StartError {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            let why = format!("it answers {status} where a license authority would answer otherwise");
            return self.cannot_be_asked(why);
        };
        let Some(statement) = &problem.statement else {
            return StartError::of_problem(problem.code.parse().ok(), &problem, &self.settings);
        };
        let Some(keyset) = &self.keyset else {
            return self.cannot_be_asked("its keys are not known".to_owned());
        };
        let expected = Expected { req: Some(request.hash), ..Expected::default() };
        match keyset.verify_refusal(statement, &expected, Moment::Answer) {
            Ok(refusal) => StartError::of_refusal(&refusal.code, &refusal.detail, &problem),
            Err(invalid) => self.cannot_be_asked(format!("its answer does not count: {invalid}")),
        }
    }

    /// Goes over to the new key, if its lease counts: from then on this installation's state is that license's.
    fn accept(
        &mut self,
        candidate: Candidate,
        request: &Request,
        body: &[u8],
        now: Reading,
        draw: &Draw,
    ) -> Result<(), StartError> {
        let unreadable = "its answer cannot be read".to_owned();
        let answer: ActivateAnswer =
            serde_json::from_slice(body).map_err(|_| self.cannot_be_asked(unreadable.clone()))?;
        let credential =
            Credential::parse(answer.credential.expose()).map_err(|_| self.cannot_be_asked(unreadable))?;
        // One that does not verify changes nothing: the keys of the discovery stay.
        let _ = self.trust(std::iter::once(answer.keyset.as_str()), now);
        let expected = Expected {
            aud: Some(self.settings.product.as_str()),
            act: Some(credential.activation),
            fpr: Some(candidate.fingerprint.hash()),
            req: Some(request.hash),
            ..Expected::default()
        };
        let keyset =
            self.keyset.as_ref().ok_or_else(|| self.cannot_be_asked("its keys are not known".to_owned()))?;
        let lease = keyset
            .verify_lease(&answer.lease, &expected, Moment::Answer)
            .map_err(|invalid| self.cannot_be_asked(format!("its answer does not count: {invalid}")))?;
        if keyset.keyset().version < lease.ks {
            self.pace.keyset.wanted = true;
            self.pace.keyset.anew();
            return Err(self.cannot_be_asked("its keys have just changed: enter the key again".to_owned()));
        }
        self.time.fresh(lease.iat, now);
        self.become_licensed(candidate);
        self.credential = Some(credential);
        self.record.credential = Some(SecretText::new(answer.credential.expose().to_owned()));
        self.record.beat = Some(Beat { number: 1, nonce: draw.nonce(), unsent: true });
        self.quotas = answer.quotas;
        self.take(lease, answer.lease, request.sent, now, draw);
        Ok(())
    }

    /// What was told about the old license stays to be told; what was known of it goes.
    fn become_licensed(&mut self, candidate: Candidate) {
        let Candidate { license_key, fingerprint, .. } = candidate;
        let instead_of =
            self.record.entered.as_ref().map_or(self.record.identity, |entered| entered.instead_of);
        let license_key_text = SecretText::new(license_key.expose().to_owned());
        let entered = Entered { license_key: license_key_text, fingerprint: fingerprint.clone(), instead_of };
        self.settings =
            Settings { license_key: Some(license_key), fingerprint, takeover: None, ..self.settings.clone() };
        let old = std::mem::replace(&mut self.record, Record::new(self.settings.identity()));
        self.record = Record {
            keyset: old.keyset,
            levels: old.levels,
            usage: old.usage,
            usage_seq: old.usage_seq,
            reports: old.reports,
            absorbed: old.absorbed,
            entered: Some(entered),
            ..Record::new(self.settings.identity())
        };
        (self.grant, self.pending, self.refusal, self.durable) = (None, None, None, None);
        (self.ended, self.seen_epoch, self.seen_rev, self.hint) = (false, 0, 0, None);
        self.stops += 1;
        self.pace.activation.wanted = false;
        self.pace.hearing.anew();
    }
}
