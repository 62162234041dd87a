//! The bearer of a lease: an installation that shows a lease in place of a credential.

use kaching_base::{ActivationId, ErrorCode, LicenseId, Timestamp};
use kaching_license::{Expected, Moment};

use crate::{Authority, Error, Result};

/// The installation that shows a lease of this authority whose time to run has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub license: LicenseId,
    pub activation: ActivationId,
    /// The license's revision when the lease was signed.
    pub rev: i64,
    /// The number of installations that this lease allows the license; `None` without a limit.
    pub slots: Option<u64>,
    /// The end of the lease's time to run.
    pub until: Timestamp,
}

impl Authority {
    /// Verifies a lease that was signed here and whose time to run has not ended.
    ///
    /// # Errors
    /// `unauthenticated` otherwise.
    pub async fn bearer(&self, lease: &str) -> Result<Bearer> {
        let now = self.now();
        let verified = self.own_keyset()?.verify_lease(lease, &Expected::default(), Moment::Running(now));
        let lease = verified.map_err(|error| {
            Error::coded(ErrorCode::Unauthenticated, format!("This lease does not count here: {error}."))
        })?;
        Ok(Bearer {
            license: lease.sub,
            activation: lease.act,
            rev: i64::try_from(lease.rev).unwrap_or(i64::MAX),
            slots: lease.limits.get("activations").map_or(Some(1), |limit| limit.max()),
            until: lease.run_until,
        })
    }
}
