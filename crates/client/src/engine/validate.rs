//! Validation of a license key, which changes nothing, and what its answer proves.

use kaching_api::{Problem, SecretText, ValidateAnswer, ValidateRequest};
use kaching_license::{Digest, Expected, Invalid, Moment, request_hash};

use super::{Engine, request::json};
use crate::{
    Fingerprint, LicenseKey, ValidateError, Validity,
    role::LeaseSource,
    transport::{Call, Reply},
};

/// A validation as it is sent.
pub(crate) struct ValidationCall {
    pub(crate) call: Call,
    /// The request that its answer must name.
    hash: Digest,
}

impl Engine {
    /// Returns the call that validates a key; `None` where no authority can be asked.
    pub(crate) fn validation(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
        nonce: String,
    ) -> Option<ValidationCall> {
        let settings = &self.settings;
        if matches!(settings.source, LeaseSource::Node(_)) {
            return None;
        }
        let body = json(&ValidateRequest {
            license_key: Some(SecretText::new(license_key.expose().to_owned())),
            product: Some(settings.product.clone()),
            fingerprint: fingerprint.map(|fingerprint| fingerprint.value().to_owned()),
            kind: Some(fingerprint.unwrap_or(&settings.fingerprint).kind()),
            features: None,
            nonce: Some(nonce),
        });
        let path = "/v1/validate";
        let hash = request_hash("POST", path, "", &body);
        let timeout = settings.timing.call_timeout;
        Some(ValidationCall {
            call: Call { method: "POST", path: path.to_owned(), body, authorization: None, timeout },
            hash,
        })
    }

    /// Judges the reply; `None` while the keys to verify it with are on their way.
    pub(crate) fn judge_validation(
        &mut self,
        sent: &ValidationCall,
        reply: &Reply,
    ) -> Option<Result<Validity, ValidateError>> {
        let unproven = |why: String| Some(Err(ValidateError { why }));
        let body = match reply {
            Reply::Answer { status: 200, body, .. } => body,
            Reply::Answer { status, body, .. } => {
                let problem = serde_json::from_slice::<Problem>(body).map(|problem| problem.detail);
                return unproven(problem.unwrap_or_else(|_| {
                    format!(
                        "{} answers {status} where a license authority would answer otherwise",
                        self.settings.url()
                    )
                }));
            }
            Reply::Unreachable(why) => {
                return unproven(format!(
                    "the license authority at {} cannot be reached: {why}",
                    self.settings.url()
                ));
            }
        };
        let Ok(answer) = serde_json::from_slice::<ValidateAnswer>(body) else {
            return unproven("the answer cannot be read".to_owned());
        };
        let Some(statement) = answer.statement else {
            return unproven("the answer is not signed, and counts for nothing".to_owned());
        };
        let expected = Expected {
            aud: Some(self.settings.product.as_str()),
            req: Some(sent.hash),
            ..Expected::default()
        };
        let keyset = self.keys.trusted();
        let verified = keyset.map(|keyset| keyset.verify_validation(&statement, &expected, Moment::Answer));
        let version = keyset.map_or(0, |keyset| keyset.keyset().version);
        match verified {
            Some(Ok(validation)) if validation.ks <= version => {
                Some(Ok(Validity::new(validation.code, validation.valid, answer.detail)))
            }
            None | Some(Ok(_) | Err(Invalid::UnknownKey | Invalid::KeysetExpired)) => {
                self.keys.want();
                None
            }
            Some(Err(invalid)) => unproven(format!("the answer does not count: {invalid}")),
        }
    }
}
