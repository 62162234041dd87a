use kaching_base::LicenseId;

use super::{due, sql};
use crate::{Authority, Result};

/// What is known of a license before anything is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licensed {
    pub license: LicenseId,
    /// Nothing where it has no limit.
    pub slots: Option<u64>,
}

impl Authority {
    /// The license that has a key of this [`lookup`](crate::KeyRing::lookup) now.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn licensed(&self, lookup: [u8; 32]) -> Result<Option<Licensed>> {
        self.read("licenses.licensed", move |tx, now| {
            let Some(license) = sql::by_key(tx, &lookup, now)? else { return Ok(None) };
            let license = due(tx, &license, now)?.unwrap_or(license);
            Ok(Some(Licensed { license: license.id, slots: license.terms().slots() }))
        })
        .await
    }
}
