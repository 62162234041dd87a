use kaching_base::{AuditId, ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};

/// The record of one change or refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// The authority's life between restores from backup.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// The actor.
    pub actor: Actor,
    /// The action: `license.suspend`.
    pub action: String,
    /// On what; null where it concerns nothing in particular.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub target: Option<String>,
    /// `ok` or `refused`.
    pub outcome: String,
    /// Why it was refused; null where it was not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub code: Option<ErrorCode>,
    /// In which request; null where there was none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub request: Option<String>,
    /// The changes, without personal data.
    pub change: serde_json::Value,
    /// The hash of the personal data, base64url; null where there is none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub private: Option<String>,
    /// The personal data itself, to those with the right to see it and while it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<serde_json::Value>,
}

/// The actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Actor {
    /// `operator`, `token`, `member`, `client`, `system` or `local`.
    pub kind: String,
    /// Which one.
    pub id: String,
}
