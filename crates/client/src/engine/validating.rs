//! The question whether a license key would do, which changes nothing, and what its answer proves.

use kaching_api::{Problem, SecretText, ValidateAnswer, ValidateRequest};
use kaching_license::{Digest, Expected, Invalid, Moment, request_hash};

use super::{Engine, requests::json};
use crate::{
    Fingerprint, LicenseKey, Unproven, Validity,
    transport::{Call, Reply},
};

/// A question as it is sent.
pub(crate) struct Question {
    pub(crate) call: Call,
    /// What its answer must name.
    hash: Digest,
}

impl Engine {
    /// The question about a key; none where there is nobody to ask.
    pub(crate) fn validation(
        &self,
        license_key: &LicenseKey,
        fingerprint: Option<&Fingerprint>,
        nonce: String,
    ) -> Option<Question> {
        let settings = &self.settings;
        if settings.url.is_empty() {
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
        let timeout = settings.timing.call;
        Some(Question {
            call: Call { method: "POST", path: path.to_owned(), body, authorization: None, timeout },
            hash,
        })
    }

    /// What the reply proves; nothing yet while the keys for it are on their way.
    pub(crate) fn judge_validation(
        &mut self,
        question: &Question,
        reply: &Reply,
    ) -> Option<Result<Validity, Unproven>> {
        let unproven = |why: String| Some(Err(Unproven { why }));
        let body = match reply {
            Reply::Answer { status: 200, body, .. } => body,
            Reply::Answer { status, body, .. } => {
                let problem = serde_json::from_slice::<Problem>(body).map(|problem| problem.detail);
                return unproven(problem.unwrap_or_else(|_| {
                    format!(
                        "{} answers {status} where a license authority would answer otherwise",
                        self.settings.url
                    )
                }));
            }
            Reply::Unreachable(why) => {
                return unproven(format!(
                    "the license authority at {} cannot be reached: {why}",
                    self.settings.url
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
            req: Some(question.hash),
            ..Expected::default()
        };
        let verified = self
            .keyset
            .as_ref()
            .map(|keyset| keyset.verify_validation(&statement, &expected, Moment::Answer));
        let version = self.keyset.as_ref().map_or(0, |keyset| keyset.keyset().version);
        match verified {
            Some(Ok(validation)) if validation.ks <= version => {
                Some(Ok(Validity::new(validation.code, validation.valid, answer.detail)))
            }
            None | Some(Ok(_) | Err(Invalid::UnknownKey | Invalid::KeysetExpired)) => {
                self.pace.keyset.wanted = true;
                None
            }
            Some(Err(invalid)) => unproven(format!("the answer does not count: {invalid}")),
        }
    }
}
