use serde::{Deserialize, Serialize};

/// `GET /v1/admin/stats`: how many licenses are in each state. Active, expired, suspended, revoked and not started are the total.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Licenses that are not deleted.
    pub total: u64,
    /// In force, grace included.
    pub active: u64,
    /// Past end date and grace.
    pub expired: u64,
    /// Active, with an end date in the next 30 days.
    pub expiring_soon: u64,
    /// Stopped until reinstated.
    pub suspended: u64,
    /// Stopped for good.
    #[serde(default)]
    pub revoked: u64,
    /// Their start is still to come.
    #[serde(default)]
    pub not_started: u64,
    /// Installations that hold a slot.
    pub activations: u64,
}
