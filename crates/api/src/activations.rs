use std::collections::BTreeMap;

#[cfg(feature = "openapi")]
use crate::texts::{FingerprintText, ReleaseReason, ShortText};
use kaching_base::{ActivationId, Code, FingerprintKind, LicenseId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::HealthStatus;

/// A license in use by one installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Activation {
    /// Stays the same for a fingerprint on a license.
    pub id: ActivationId,
    /// The license in use.
    pub license: LicenseId,
    /// The kind of the fingerprint.
    pub kind: FingerprintKind,
    /// The text that identifies the installation.
    pub fingerprint: String,
    /// The installation's own name; null where it gave none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Whether it holds its slot.
    pub status: ActivationStatus,
    /// The product's version; null where it gave none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub version: Option<String>,
    /// When this generation began.
    pub activated_at: Timestamp,
    /// The last heartbeat.
    pub last_seen_at: Timestamp,
    /// When the slot becomes free without a heartbeat; null where it already is.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub lapses_at: Option<Timestamp>,
    /// The address of the last call; null also for operators without the scope `personal:read`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub address: Option<String>,
    /// The levels of its last report, by limit.
    pub levels: BTreeMap<Code, u64>,
    /// The health of its last report; only to operators, and only if it reported any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<ReportedHealth>,
}

/// The health that an installation reported last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportedHealth {
    /// In one word.
    pub status: HealthStatus,
    /// In a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The first report of this status in a row; absent if that was before the authority recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The status of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ActivationStatus {
    /// Holds a slot.
    Active,
    /// Has sent no heartbeat for too long.
    Lapsed,
    /// Gave its slot back.
    Deactivated,
    /// Was moved to another installation.
    Superseded,
    /// Was freed by an operator.
    Released,
}

/// Frees an activation's slot immediately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleaseRequest {
    /// The reason: personal data, kept apart from the audit entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ReleaseReason>))]
    pub reason: Option<String>,
}

/// Moves an activation to another installation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MoveRequest {
    /// The installation that takes the slot. A domain is the name of one host, in any spelling.
    #[cfg_attr(feature = "openapi", schema(value_type = FingerprintText))]
    pub fingerprint: String,
    /// The kind of the fingerprint; by default that of the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FingerprintKind>,
    /// The name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ShortText>))]
    pub name: Option<String>,
}
