use serde::{Deserialize, Serialize};

/// `GET /v1/admin/doctor`: one thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// The subject of the check.
    pub check: String,
    /// The result.
    pub status: CheckStatus,
    /// The remedy; empty if there is no problem.
    pub remedy: String,
}

/// The result of a check.
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
