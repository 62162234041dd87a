use std::collections::BTreeMap;

use kaching_base::{ActivationId, Code, FingerprintKind};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use crate::texts::{FingerprintText, NonceText, ShortText};
use crate::{Activation, Quota, SecretText};

/// `POST /v1/activate`: binds a license to an installation.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivateRequest {
    /// May come as `Authorization: License <key>` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license_key: Option<SecretText>,
    /// The product that asks.
    pub product: Code,
    /// 1 to 256 bytes, compared byte for byte. A domain is the name of one host, in any spelling.
    #[cfg_attr(feature = "openapi", schema(value_type = FingerprintText))]
    pub fingerprint: String,
    /// The kind of the fingerprint.
    pub kind: FingerprintKind,
    /// The installation's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ShortText>))]
    pub name: Option<String>,
    /// The product's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ShortText>))]
    pub version: Option<String>,
    /// Present levels by limit; unknown names are ignored with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<BTreeMap<String, u64>>,
    /// The activation whose slot is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takeover: Option<ActivationId>,
    /// Fresh for each call: 16 to 64 of `A-Z a-z 0-9 _ -`.
    #[cfg_attr(feature = "openapi", schema(value_type = NonceText))]
    pub nonce: String,
}

/// The installation is active.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivateAnswer {
    /// The activation.
    pub activation: Activation,
    /// `lease+jwt`, a compact JWS.
    pub lease: String,
    /// `<activation id>.<generation>.<secret>`; never sent again.
    pub credential: SecretText,
    /// Each limit with its use.
    pub quotas: Vec<Quota>,
    /// `keyset+jwt` of the first root, a compact JWS.
    pub keyset: String,
    /// The parts that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `POST /v1/deactivate`: gives the slot back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeactivateRequest {
    /// Fresh for each call.
    #[cfg_attr(feature = "openapi", schema(value_type = NonceText))]
    pub nonce: String,
}
