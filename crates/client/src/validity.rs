use kaching_base::Base64Url;
use kaching_license::ValidationCode;

use crate::{Fingerprint, Guard, LicenseKey};

/// What the authority says about a license key, signed. It lets nothing run: only a lease does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// Whether it would do.
    pub valid: bool,
    /// `valid`, `valid_in_grace`, or why not.
    pub code: ValidationCode,
    /// The same as a sentence for people.
    pub detail: String,
}

/// Why nobody knows whether a key is valid: there is no signed answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("whether the license key is valid is not known: {why}")]
pub struct Unproven {
    pub(crate) why: String,
}

impl Validity {
    /// Both must say so.
    pub(crate) fn new(code: ValidationCode, valid: bool, detail: String) -> Self {
        let valid = valid && matches!(code, ValidationCode::Valid | ValidationCode::ValidInGrace);
        Self { valid, code, detail }
    }
}

impl Guard {
    /// Asks the authority whether a license key would do for this product; with a fingerprint, whether it is active
    /// there. Nothing changes by it, here or there. It takes no longer than two calls.
    ///
    /// # Errors
    /// If there is no answer that counts.
    pub fn validate(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<Validity, Unproven> {
        let shared = self.shared();
        let unproven = |why: &str| Unproven { why: why.to_owned() };
        let nonce =
            shared.random.bytes::<16>().ok_or_else(|| unproven("this machine gives no random bytes"))?;
        let inner = shared.lock();
        #[cfg(feature = "testing")]
        if let crate::place::Place::Nowhere(stage) = &inner.place {
            return Ok(stage.lock().validity(license_key));
        }
        let nonce = Base64Url(nonce).to_string();
        let question = inner.engine.validation(license_key, fingerprint, nonce).ok_or_else(|| {
            unproven("this node asks no license authority; ask on the node that keeps the lease")
        })?;
        drop(inner);
        let reply = shared.send(&question.call);
        let judged = shared.lock().engine.judge_validation(&question, &reply);
        if let Some(judged) = judged {
            return judged;
        }
        shared.nudge();
        let judged = shared.wait_for(self.bound(), |inner| inner.engine.judge_validation(&question, &reply));
        judged.unwrap_or_else(|| {
            Err(unproven("the keys that sign the answer are not known; ask again in a minute"))
        })
    }
}
