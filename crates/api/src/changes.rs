use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

/// `GET /v1/changes`, and the `data` of an event of `GET /v1/events`: whether the license changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The license's present revision.
    pub rev: u64,
    /// The authority's epoch: revisions are compared within one.
    #[serde(default)]
    pub epoch: u64,
    /// A pushed refusal, a compact JWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The next heartbeat should come at a random moment within this many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
    /// When it changed, where a change brought this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The authority's clock when this was written; absent where many clients receive the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Timestamp>,
}

/// The `data` of the event `end`, the last of a stream that the authority ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamEnd {
    /// Why it ends.
    pub ends: EndReason,
    /// The authority's clock when this was written.
    pub now: Timestamp,
}

/// Why the authority ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EndReason {
    /// The server stops: another one, or its next process, has the changes.
    Leaving,
    /// A newer stream of the same activation is open.
    Replaced,
    /// The lease with which it was opened may run no longer.
    LeaseEnded,
    /// The present state could not be read.
    Failed,
}

/// The `data` of the event `ping`, which says that the stream lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ping {
    /// The authority's clock when this was written.
    pub now: Timestamp,
}
