use std::sync::Arc;

use kaching_base::LicenseId;

use super::due;
use crate::{Authority, Result, entitlement};

/// The license of a key, with its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licensed {
    pub license: LicenseId,
    /// `None` without a limit.
    pub slots: Option<u64>,
}

impl Authority {
    /// Returns the license that a key with this [`lookup`](crate::KeyRing::lookup) opens now.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn licensed(&self, lookup: [u8; 32]) -> Result<Option<Licensed>> {
        let entitlements = Arc::clone(&self.entitlements);
        self.read("licenses.licensed", move |tx, now| {
            let versions = entitlement::sql::versions_by_key(tx, &lookup, now)?;
            let Some((version, catalogue)) = versions else { return Ok(None) };
            let Some(entitlement) = entitlements.get(tx, version, catalogue)? else { return Ok(None) };
            let slots = match due(tx, &entitlement.license, now)? {
                Some(license) => license.terms().slots(),
                None => entitlement.terms.slots(),
            };
            Ok(Some(Licensed { license: version.license, slots }))
        })
        .await
    }

    /// Returns a license's slots as this process read them last, without asking the database; `None` where it has not
    /// read the license lately, or a change of its terms is due.
    pub fn cached_slots(&self, license: LicenseId) -> Option<Licensed> {
        let entitlement = self.entitlements.last_read(license)?;
        let scheduled = entitlement.license.scheduled.as_ref();
        let is_due = scheduled.is_some_and(|change| change.at <= self.now());
        (!is_due).then(|| Licensed { license, slots: entitlement.terms.slots() })
    }
}
