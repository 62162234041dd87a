use std::collections::{BTreeMap, btree_map::Entry};

use kaching_base::{Code, LicenseId, PlanId, ProductId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{License, TermsChange};
use kaching_license::LicenseKey;

use super::unknown;
use crate::{Result, activations, plans, products};

/// A license with the codes of its product and plans.
#[derive(Clone)]
pub struct LicenseDetails {
    pub license: License,
    pub product: Code,
    pub plan: Code,
    /// The plan of the scheduled change.
    pub scheduled_plan: Option<Code>,
    /// Only from an operation that makes a key.
    pub key: Option<LicenseKey>,
    /// The number of activations that hold a slot.
    pub used_slots: u64,
    /// The change of its terms by the operation; `None` without one.
    pub change: Option<TermsChange>,
    /// When it was read, which decides its state.
    pub now: Timestamp,
}

/// The codes of products and plans, each read once, and the lapses of some licenses that no job has recorded yet.
pub(super) struct Related {
    products: BTreeMap<ProductId, Code>,
    plans: BTreeMap<PlanId, Code>,
    lapses: BTreeMap<LicenseId, i64>,
}

impl Related {
    pub(super) fn of(tx: &mut Tx<'_>, licenses: &[License], now: Timestamp) -> Result<Self> {
        let ids = licenses.iter().filter(|license| license.active > 0).map(|license| license.id);
        let lapses = activations::sql::unrecorded_lapses(tx, ids, now)?;
        Ok(Self { products: BTreeMap::new(), plans: BTreeMap::new(), lapses })
    }

    pub(super) fn details(
        &mut self,
        tx: &mut Tx<'_>,
        license: License,
        now: Timestamp,
    ) -> Result<LicenseDetails> {
        let product = match self.products.entry(license.product) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                new.insert(products::sql::by_id(tx, license.product)?.ok_or_else(unknown)?.code).clone()
            }
        };
        let plan = self.plan(tx, license.plan)?;
        let scheduled_plan = match &license.scheduled {
            Some(scheduled) => Some(self.plan(tx, scheduled.plan)?),
            None => None,
        };
        let lapsed = self.lapses.get(&license.id).copied().unwrap_or_default();
        let used_slots = (license.active - lapsed).max(0).unsigned_abs();
        Ok(LicenseDetails {
            license,
            product,
            plan,
            scheduled_plan,
            key: None,
            used_slots,
            change: None,
            now,
        })
    }

    fn plan(&mut self, tx: &mut Tx<'_>, id: PlanId) -> Result<Code> {
        match self.plans.entry(id) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                Ok(new.insert(plans::sql::by_id(tx, id)?.ok_or_else(unknown)?.code).clone())
            }
        }
    }
}

/// One license with its codes.
pub(super) fn details(tx: &mut Tx<'_>, license: License, now: Timestamp) -> Result<LicenseDetails> {
    Related::of(tx, std::slice::from_ref(&license), now)?.details(tx, license, now)
}
