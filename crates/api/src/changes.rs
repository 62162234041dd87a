use serde::{Deserialize, Serialize};

/// `GET /v1/changes`: whether the license changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The license's present revision.
    pub rev: u64,
    /// A pushed refusal, a compact JWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The next heartbeat should come at a random moment within this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}
