use std::collections::BTreeMap;

use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Quota;
#[cfg(feature = "openapi")]
use crate::texts::{FingerprintDigest, NonceText, ShortText};

/// `POST /v1/heartbeat`: renews the lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatRequest {
    /// Drawn when the last heartbeat was answered.
    #[cfg_attr(feature = "openapi", schema(value_type = NonceText))]
    pub nonce: String,
    /// Base64url SHA-256 of the fingerprint.
    #[cfg_attr(feature = "openapi", schema(value_type = FingerprintDigest))]
    pub fpr: String,
    /// The product's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ShortText>))]
    pub version: Option<String>,
    /// The health of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Present levels by limit; unknown names are ignored with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<BTreeMap<String, u64>>,
    /// The usage since the last heartbeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(max_items = 200))]
    pub usage: Vec<Usage>,
    /// The checkpoint that the client knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPosition>,
    /// Milliseconds from the last change that was pushed to the moment at which the client had acted on it, at most
    /// a day; sent once for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 86_400_000))]
    pub heard_ms: Option<u64>,
}

/// The health of a product, as it reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// In a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ShortText>))]
    pub detail: Option<String>,
}

/// The health of a product, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HealthStatus {
    /// Works.
    Ok,
    /// Works in part.
    Degraded,
    /// Does not work.
    Down,
}

/// An increment of a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// The counter's name.
    pub meter: String,
    /// The amount.
    pub amount: u64,
    /// Grows by one with each increment, so that none counts twice.
    pub seq: u64,
    /// When it was used.
    pub at: Timestamp,
}

/// A position in the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogPosition {
    /// Which log.
    pub origin: String,
    /// The number of its entries.
    pub size: u64,
}

/// The lease is renewed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatAnswer {
    /// `lease+jwt`, a compact JWS.
    pub lease: String,
    /// Each limit with its use.
    pub quotas: Vec<Quota>,
    /// The proof that the log only grew since the given position: base64url hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Vec<String>>,
    /// The parts that were ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
