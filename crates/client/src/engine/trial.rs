//! A license key that somebody enters while the product runs. Until its activation has brought a lease, everything goes
//! on with the old one: a wrong key stops nothing.

use kaching_api::{ActivateAnswer, Problem, SecretText};
use kaching_license::{Credential, Digest, Expected, Moment};

use super::{CallKind, Engine, Request, record::EnteredKey};
use crate::{
    Fingerprint, LicenseKey, clock::Reading, random::Draw, settings::Settings, start_error::StartError,
    transport::Reply,
};

/// The key on trial, and then the outcome.
#[derive(Default)]
pub(super) struct Trial {
    candidate: Option<Candidate>,
    outcome: Option<Result<(), StartError>>,
}

struct Candidate {
    license_key: LicenseKey,
    fingerprint: Fingerprint,
    nonce: String,
    /// The request that its answer must name, once it is sent.
    asked: Option<Digest>,
}

impl Trial {
    fn begin(&mut self, license_key: LicenseKey, fingerprint: Fingerprint, nonce: String) {
        self.candidate = Some(Candidate { license_key, fingerprint, nonce, asked: None });
        self.outcome = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.candidate.is_some()
    }

    /// Returns the candidate that this answers, and ends its trial. An answer to an abandoned trial may come
    /// while the next key is on trial.
    fn answered(&mut self, request: Digest) -> Option<Candidate> {
        self.candidate.take_if(|candidate| candidate.asked == Some(request))
    }
}

impl Engine {
    /// Tries a key immediately, for another fingerprint where one is given.
    pub(crate) fn enter(
        &mut self,
        license_key: LicenseKey,
        fingerprint: Option<Fingerprint>,
        now: Reading,
        draw: &Draw,
    ) {
        let fingerprint = fingerprint.unwrap_or_else(|| self.settings.fingerprint.clone());
        self.trial.begin(license_key, fingerprint, draw.nonce());
        self.calls.end_quiet(now.boot);
        if self.keys.trusted().is_none() {
            self.keys.want_now();
        }
    }

    /// Returns the outcome of the last trial once it is known.
    pub(crate) fn trial_outcome(&mut self) -> Option<Result<(), StartError>> {
        self.trial.outcome.take()
    }

    /// Ends the trial, because its caller no longer waits, and returns the reason for the caller.
    pub(crate) fn abandon_trial(&mut self) -> StartError {
        self.trial.candidate = None;
        self.unreachable(self.trouble().unwrap_or("it did not answer in time").to_owned())
    }

    pub(super) fn trial_request(&mut self, now: Reading) -> Option<Request> {
        let Candidate { license_key, fingerprint, nonce, .. } = self.trial.candidate.as_ref()?;
        let request = self.activation_of(CallKind::Enter, license_key, fingerprint, None, nonce.clone(), now);
        if let Some(candidate) = &mut self.trial.candidate {
            candidate.asked = Some(request.hash);
        }
        Some(request)
    }

    /// Judges the answer to a trial.
    pub(super) fn trial_answered(&mut self, request: &Request, reply: Reply, now: Reading, draw: &Draw) {
        let Some(candidate) = self.trial.answered(request.hash) else { return };
        let outcome = match reply {
            Reply::Unreachable(why) => Err(self.unreachable(why)),
            Reply::Answer { status: 200 | 201, body, .. } => {
                self.accept(candidate, request, &body, now, draw)
            }
            Reply::Answer { status, body, .. } => Err(self.trial_refused(request, status, &body)),
        };
        self.trial.outcome = Some(outcome);
    }

    fn unreachable(&self, why: String) -> StartError {
        StartError::Unreachable { url: self.settings.url().to_owned(), why }
    }

    fn trial_refused(&self, request: &Request, status: u16, body: &[u8]) -> StartError {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            let why = format!("it answers {status} where a license authority would answer otherwise");
            return self.unreachable(why);
        };
        let Some(statement) = &problem.statement else {
            return StartError::of_problem(problem.code.parse().ok(), &problem, &self.settings);
        };
        let Some(keyset) = self.keys.trusted() else {
            return self.unreachable("its keys are not known".to_owned());
        };
        let expected = Expected { req: Some(request.hash), ..Expected::default() };
        match keyset.verify_refusal(statement, &expected, Moment::Answer) {
            Ok(refusal) => StartError::of_refusal(&refusal.code, &refusal.detail, &problem),
            Err(invalid) => self.unreachable(format!("its answer does not count: {invalid}")),
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
            serde_json::from_slice(body).map_err(|_| self.unreachable(unreadable.clone()))?;
        let credential =
            Credential::parse(answer.credential.expose()).map_err(|_| self.unreachable(unreadable))?;
        // A keyset that does not verify changes nothing: the keys of the discovery stay.
        let _ = self.trust(std::iter::once(answer.keyset.as_str()), now);
        let expected = Expected {
            aud: Some(self.settings.product.as_str()),
            act: Some(credential.activation),
            fpr: Some(candidate.fingerprint.hash()),
            req: Some(request.hash),
            ..Expected::default()
        };
        let keyset =
            self.keys.trusted().ok_or_else(|| self.unreachable("its keys are not known".to_owned()))?;
        let lease = keyset
            .verify_lease(&answer.lease, &expected, Moment::Answer)
            .map_err(|invalid| self.unreachable(format!("its answer does not count: {invalid}")))?;
        if keyset.keyset().version < lease.ks {
            self.keys.want_now();
            return Err(self.unreachable("its keys have just changed: enter the key again".to_owned()));
        }
        self.time.fresh(lease.iat, now);
        self.switch_license(candidate);
        self.activation.begin(credential, &answer.credential, draw.nonce());
        self.lease.set_quotas(answer.quotas);
        self.take_lease(lease, answer.lease, request.sent, now, draw);
        Ok(())
    }

    /// Usage and reports about the old license stay to be sent; all else that was known of it goes.
    fn switch_license(&mut self, candidate: Candidate) {
        let Candidate { license_key, fingerprint, .. } = candidate;
        let entered = EnteredKey {
            license_key: SecretText::new(license_key.expose().to_owned()),
            fingerprint: fingerprint.clone(),
            instead_of: self.disk.configured(),
        };
        self.settings =
            Settings { license_key: Some(license_key), fingerprint, takeover: None, ..self.settings.clone() };
        self.disk.enter(self.settings.identity(), entered);
        self.activation.forget_license();
        self.lease.forget_license();
        self.outbox.begin_license();
        self.changes.begin_license();
        self.deactivated = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_present_trial_ends_it() {
        let mut trial = Trial::default();
        let fingerprint = || Fingerprint::custom("a").unwrap();
        trial.begin(LicenseKey::new("ONE"), fingerprint(), "nonce".to_owned());
        assert!(trial.answered(Digest::of("one")).is_none(), "nothing was sent yet");
        trial.candidate.as_mut().unwrap().asked = Some(Digest::of("one"));
        trial.begin(LicenseKey::new("TWO"), fingerprint(), "nonce".to_owned());
        trial.candidate.as_mut().unwrap().asked = Some(Digest::of("two"));
        assert!(trial.answered(Digest::of("one")).is_none());
        assert!(trial.is_open());
        assert_eq!(trial.answered(Digest::of("two")).unwrap().license_key.expose(), "TWO");
        assert!(!trial.is_open());
    }
}
