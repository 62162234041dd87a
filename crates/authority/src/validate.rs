//! Whether a key would do; changes nothing.

use kaching_base::{Code, ErrorCode, FingerprintKind};
use kaching_domain::{Fingerprint, Nonce, Quota};
use kaching_license::{Digest, LicenseKey};

use crate::status::ProductLicense;

/// `POST /v1/validate`.
#[derive(Clone)]
pub struct Validate {
    /// Nothing where what came is not a license key.
    pub key: Option<LicenseKey>,
    pub product: Option<Code>,
    pub fingerprint: Option<Fingerprint>,
    pub kind: Option<FingerprintKind>,
    pub features: Vec<Code>,
    /// With one the answer is signed.
    pub nonce: Option<Nonce>,
    pub request: Digest,
}

/// Whether the key would do.
pub struct Validated {
    pub code: ValidityCode,
    /// One sentence for people.
    pub detail: String,
    pub license: Option<ProductLicense>,
    pub quotas: Vec<Quota>,
    /// `validation+jwt`, when a nonce came.
    pub statement: Option<String>,
}

/// The first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityCode {
    Valid,
    ValidInGrace,
    Refused(ErrorCode),
}

impl ValidityCode {
    /// `valid`, `valid_in_grace` or the refusal's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ValidInGrace => "valid_in_grace",
            Self::Refused(code) => code.as_str(),
        }
    }

    /// Whether the answer is yes.
    pub fn is_valid(self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}
