//! The status of a license, for the people of the customer.

use std::sync::Arc;

use kaching_base::{Code, ErrorCode, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Holder, License, Quota, State, Terms, Upgrade, outlook, quotas};
use kaching_license::LicenseKey;

use crate::{
    Authority, Bearer, Error, Result, activations::sql, entitlement::Entitlement, keys::KeyRing, licenses,
    plans,
};

/// The caller: a lease shows its own activation, the key shows all.
#[derive(Clone)]
pub enum Asker {
    Lease(Bearer),
    Key(LicenseKey),
}

/// A license as products see it, with the names of its product and plan.
pub struct ProductLicense {
    pub license: License,
    /// The effective terms.
    pub terms: Arc<Terms>,
    pub product: Code,
    pub plan: Code,
    pub state: State,
}

impl ProductLicense {
    pub(crate) fn new(entitlement: &Entitlement, now: Timestamp) -> Self {
        let Entitlement { license, terms, names, .. } = entitlement;
        Self {
            license: license.clone(),
            terms: Arc::clone(terms),
            product: names.product.clone(),
            plan: names.plan.clone(),
            state: license.state(now),
        }
    }
}

/// `GET /v1/status`.
pub struct Standing {
    pub license: ProductLicense,
    pub plan_name: String,
    pub plan_rank: i64,
    pub quotas: Vec<Quota>,
    /// The number of activations that hold a slot.
    pub active: u64,
    /// With the key all that hold a slot; with a lease only its own. Neither fingerprints nor addresses: the key may be in
    /// many hands, and with a fingerprint another installation's slot could be taken.
    pub activations: Vec<Holder>,
    /// Whole days until the end date; `None` if perpetual or not started.
    pub days_left: Option<i64>,
    /// One sentence about the next event and its date.
    pub next: String,
    /// The next higher plan.
    pub upgrade: Option<Upgrade>,
    pub now: Timestamp,
}

/// The most activations that are listed.
const LISTED: i64 = 200;

impl Authority {
    /// Returns the status of the license of a lease or key.
    ///
    /// # Errors
    /// If there is no such license.
    pub async fn status(&self, asker: Asker) -> Result<Standing> {
        let keys = self.keys();
        self.read("status.show", move |tx, now| {
            let license = asker.license(tx, &keys, now)?;
            let entitlement = Entitlement::of(tx, license)?;
            let (license, names) = (&entitlement.license, &entitlement.names);
            let limits = matches!(asker, Asker::Key(_)).then_some(&entitlement.terms.limits);
            let present = sql::in_use(tx, license, license.active, limits, now)?;
            let (shown, levels) = match &asker {
                Asker::Key(_) => (sql::active(tx, license.id, LISTED)?, present.levels),
                Asker::Lease(bearer) => {
                    let own = sql::by_id(tx, bearer.activation)?.filter(|own| own.license == license.id);
                    let levels = own.as_ref().map(|own| own.levels.clone()).unwrap_or_default();
                    (own.into_iter().collect(), levels)
                }
            };
            let everyone = matches!(asker, Asker::Key(_));
            let activations = shown.into_iter().filter(|one| !everyone || one.holds_slot(now));
            let plans = plans::sql::of_product(tx, license.product)?;
            let scheduled = license.scheduled.as_ref();
            let scheduled = scheduled.and_then(|change| plans.iter().find(|plan| plan.id == change.plan));
            Ok(Standing {
                quotas: quotas(&entitlement.terms, present.active, &levels),
                active: present.active,
                activations: activations.map(|one| one.as_holder()).collect(),
                days_left: outlook::days_left(license, now),
                next: outlook::next(license, scheduled.map(|plan| plan.name.as_str()), now),
                upgrade: outlook::upgrade(&plans, names.rank, None, |_| true),
                plan_name: names.plan_name.clone(),
                plan_rank: names.rank,
                license: ProductLicense::new(&entitlement, now),
                now,
            })
        })
        .await
    }
}

impl Asker {
    /// Returns the license, with a scheduled change that is due.
    pub(crate) fn license(&self, tx: &mut Tx<'_>, keys: &KeyRing, now: Timestamp) -> Result<License> {
        let found = match self {
            Self::Lease(bearer) => licenses::sql::by_id(tx, bearer.license)?,
            Self::Key(key) => licenses::sql::by_key(tx, &keys.lookup(key), now)?,
        };
        let license = found.ok_or_else(no_license)?;
        Ok(licenses::due(tx, &license, now)?.unwrap_or(license))
    }
}

/// Returns the error for a key that no license has.
pub(crate) fn no_license() -> Error {
    Error::coded(
        ErrorCode::LicenseNotFound,
        "No license has this key: compare it with the one you were sent, or ask your vendor whether it was replaced.",
    )
}
