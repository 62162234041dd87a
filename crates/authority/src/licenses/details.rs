use std::collections::{BTreeMap, btree_map::Entry};

use kaching_base::{Code, PlanId, ProductId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{License, TermsChange};
use kaching_license::LicenseKey;

use super::unknown;
use crate::{Result, plans, products};

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
    /// The change of its terms by the operation; `None` without one.
    pub change: Option<TermsChange>,
    /// When it was read, which decides its state.
    pub now: Timestamp,
}

/// The codes of products and plans, each read once.
#[derive(Default)]
pub(super) struct Codes {
    products: BTreeMap<ProductId, Code>,
    plans: BTreeMap<PlanId, Code>,
}

impl Codes {
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
        Ok(LicenseDetails { license, product, plan, scheduled_plan, key: None, change: None, now })
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
    Codes::default().details(tx, license, now)
}
