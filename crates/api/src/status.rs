use kaching_base::Code;
use serde::{Deserialize, Serialize};

use crate::{Holder, LicenseState, ProductLicense, Quota, Upgrade};

/// `GET /v1/status`: the status of a license, for its customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// The license.
    pub license: ProductLicense,
    /// Its plan.
    pub plan: PlanSummary,
    /// Each limit with its use.
    pub quotas: Vec<Quota>,
    /// The installations that use it.
    pub activations: StatusActivations,
    /// As in the license.
    pub state: LicenseState,
    /// Whole days until the end date; null if perpetual or not started.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub days_left: Option<i64>,
    /// The effect of the dates: one sentence.
    pub next: String,
    /// The next higher plan; null on the highest.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub upgrade: Option<Upgrade>,
}

/// A plan by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanSummary {
    /// Its code.
    pub code: Code,
    /// Its name.
    pub name: String,
    /// Its place among the product's plans.
    pub rank: i64,
}

/// The installations of a license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusActivations {
    /// The number of activations that hold a slot.
    pub active: u64,
    /// With the key all that hold a slot; with a lease only its own.
    pub items: Vec<Holder>,
}
