use kaching_base::{Code, FingerprintKind};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{FingerprintText, NonceText};
use crate::{ProductLicense, Quota, SecretText};

/// `POST /v1/validate`: whether a key would do; changes nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidateRequest {
    /// May come as `Authorization: License <key>` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_key: Option<SecretText>,
    /// The product that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Code>,
    /// The installation that must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<FingerprintText>))]
    pub fingerprint: Option<String>,
    /// The kind of the fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FingerprintKind>,
    /// The features that must be licensed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Code>>,
    /// With a nonce the answer is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<NonceText>))]
    pub nonce: Option<String>,
}

/// Whether the key would do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidateAnswer {
    /// Whether `code` is `valid` or `valid_in_grace`.
    pub valid: bool,
    /// `valid`, `valid_in_grace`, or the first refusal that applies.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
    /// Null when there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub license: Option<ProductLicense>,
    /// Each limit with its use.
    pub quotas: Vec<Quota>,
    /// `validation+jwt`, a compact JWS, when a nonce came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}
