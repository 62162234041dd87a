use kaching_base::{ActivationId, Code, FingerprintKind, Period, QuotaState, Timestamp};
use serde::{Deserialize, Serialize};

/// A limit with its present use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quota {
    /// The limit's name.
    pub name: Code,
    /// `slots`, `level` or `counter`.
    pub kind: String,
    /// Present use.
    pub used: u64,
    /// Null is unlimited.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub max: Option<u64>,
    /// The period of a counter; null for the other kinds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub per: Option<Period>,
    /// When a counter starts again; null for the other kinds.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub resets_at: Option<Timestamp>,
    /// Whether there is room.
    pub state: QuotaState,
}

/// A holder of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Holder {
    /// The activation to name in a takeover, or to release.
    pub id: ActivationId,
    /// The installation's own name; null where it gave none.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// The kind of its fingerprint.
    pub kind: FingerprintKind,
    /// Since when it is active.
    pub since: Timestamp,
    /// Its last heartbeat.
    pub last_seen_at: Timestamp,
}
