//! License keys that a person enters or asks about, while the guard runs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kaching_base::Base64Url;

use crate::{Fingerprint, LicenseKey, StartError, ValidateError, Validity, role::Role, shared::Shared};

/// Activates and validates license keys.
pub(crate) trait KeyService: Send + Sync {
    /// Activates with a key from now on. A key that does not work changes nothing.
    fn activate(&self, license_key: LicenseKey, fingerprint: Option<Fingerprint>) -> Result<(), StartError>;

    /// Returns whether a key is valid, and changes nothing.
    fn validate(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<Validity, ValidateError>;
}

/// Asks the authority.
pub(crate) struct AuthorityKeys {
    shared: Arc<Shared>,
    /// The bound of one call.
    call: Duration,
    /// Locked while a key is on trial: one at a time.
    trial: Mutex<()>,
}

impl AuthorityKeys {
    pub(crate) fn new(shared: Arc<Shared>, call: Duration) -> Self {
        Self { shared, call, trial: Mutex::new(()) }
    }
}

impl KeyService for AuthorityKeys {
    fn activate(&self, license_key: LicenseKey, fingerprint: Option<Fingerprint>) -> Result<(), StartError> {
        let shared = &self.shared;
        let _trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        let cannot = |why: &str| StartError::Setting(why.to_owned());
        let draw = shared.random.draw().ok_or_else(|| cannot("this machine gives no random bytes"))?;
        let mut inner = shared.lock();
        match inner.engine.role() {
            Role::Holder => inner.engine.enter(license_key, fingerprint, shared.reading(), &draw),
            Role::Follower | Role::Remote => {
                return Err(cannot(
                    "another process or node keeps this installation's license: enter the key there",
                ));
            }
            Role::Closed => return Err(cannot("the guard is shut down")),
        }
        drop(inner);
        shared.wake_calls();
        let outcome = shared.wait_for(2 * self.call, |inner| inner.engine.trial_outcome());
        outcome.unwrap_or_else(|| Err(shared.lock().engine.abandon_trial()))?;
        shared.wait_for_catalogue(self.call);
        Ok(())
    }

    fn validate(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<Validity, ValidateError> {
        let shared = &self.shared;
        let failed = |why: &str| ValidateError { why: why.to_owned() };
        let nonce =
            shared.random.bytes::<16>().ok_or_else(|| failed("this machine gives no random bytes"))?;
        let nonce = Base64Url(nonce).to_string();
        let sent = shared.lock().engine.validation(license_key, fingerprint, nonce).ok_or_else(|| {
            failed("this node asks no license authority; ask on the node that keeps the lease")
        })?;
        let reply = shared.send(&sent.call);
        let judged = shared.lock().engine.judge_validation(&sent, &reply);
        if let Some(judged) = judged {
            return judged;
        }
        shared.wake_calls();
        let judged = shared.wait_for(self.call, |inner| inner.engine.judge_validation(&sent, &reply));
        judged.unwrap_or_else(|| {
            Err(failed("the keys that sign the answer are not known; ask again in a minute"))
        })
    }
}
