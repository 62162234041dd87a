use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

/// `POST /v1/admin/clock/accept`: a clock that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AcceptedClock {
    /// The time from which the authority goes on.
    pub now: Timestamp,
    /// The newest time that was stored before.
    pub newest: Timestamp,
    /// The epoch that began, where that was later than the present time; else null.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub epoch: Option<u64>,
}
