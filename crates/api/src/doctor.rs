use serde::{Deserialize, Serialize};

/// `GET /v1/admin/doctor`: one thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// What was looked at.
    pub check: String,
    /// What was found.
    pub status: CheckStatus,
    /// What to do about it; empty when it is fine.
    pub remedy: String,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CheckStatus {
    /// Fine.
    Ok,
    /// Works, but should be seen to.
    Warn,
    /// Does not work.
    Fail,
}
