#[cfg(feature = "openapi")]
use crate::texts::{NonceText, ReportText};
use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

/// `POST /v1/reports`: an audit entry reported by the product.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportRequest {
    /// The subject.
    pub kind: ReportKind,
    /// The event.
    #[cfg_attr(feature = "openapi", schema(value_type = ReportText))]
    pub detail: String,
    /// When it happened.
    pub at: Timestamp,
    /// Fresh for each call.
    #[cfg_attr(feature = "openapi", schema(value_type = NonceText))]
    pub nonce: String,
}

/// The subject of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ReportKind {
    /// An attack, or what looks like one.
    Security,
    /// A record for an auditor.
    Compliance,
    /// The health of the product.
    Health,
}
