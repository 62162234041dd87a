use kaching_base::{Code, CustomerId, LicenseId, Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /v1/admin/reminders`: a license whose end date is near.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reminder {
    /// The license.
    pub license: LicenseId,
    /// The buyer.
    pub customer: CustomerId,
    /// The customer's name.
    pub customer_name: String,
    /// The mail address for the reminder; null also for those without the scope `personal:read`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub email: Option<String>,
    /// The product.
    pub product: Code,
    /// The plan.
    pub plan: Code,
    /// The end date.
    pub expires_at: Timestamp,
    /// Whole days until then.
    pub days_left: i64,
    /// The reminder that is due: 30, 14, 7 or 1 days before.
    pub due: u32,
}
