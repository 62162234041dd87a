use std::collections::BTreeSet;

use kaching_base::{Code, ErrorCode, LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Customer, License, Plan, Product, Refused, licenses::Draft};
use kaching_license::{KeyFormat, LicenseKey};

use super::{LicenseDetails, audit_view, sql};
use crate::{Authority, Cx, Error, Op, Result, Sight, customers, plans, products};

/// The input for a new license.
#[derive(Clone, Debug, Default)]
pub struct NewLicense {
    /// Id or reference.
    pub customer: String,
    /// The product's code.
    pub product: String,
    /// The plan's code within the product.
    pub plan: String,
    /// The product's by default.
    pub key_format: Option<KeyFormat>,
    /// All other members, which come from the plan by default.
    pub draft: Draft,
}

impl Authority {
    /// Creates a license with its key.
    ///
    /// # Errors
    /// If the customer, product, plan or a feature is not there, one of them is archived, or a part makes no sense.
    pub async fn create_license(&self, cx: Cx, new: NewLicense) -> Result<LicenseDetails> {
        self.write("licenses.create", cx, move |tx, op| {
            let grant = Grant::load(tx, &new)?;
            let license = grant.license(op.id(), &new.draft, op.now)?;
            let key = make_key(op, grant.product.key_prefix.as_str())?;
            sql::insert(tx, &license)?;
            sql::insert_key(tx, &op.keys, license.id, &key, op.now)?;
            op.on("license.create", license.id);
            op.audit(tx, audit_view::of(&license).created())?;
            Ok(LicenseDetails {
                license,
                product: grant.product.code,
                plan: grant.plan.code,
                scheduled_plan: None,
                key: Some(key),
                used_slots: 0,
                change: None,
                now: op.now,
            })
        })
        .await
    }
}

/// The objects that a new license belongs to.
pub(super) struct Grant {
    pub(super) customer: Customer,
    pub(super) product: Product,
    pub(super) plan: Plan,
    /// The features of the product.
    known: BTreeSet<Code>,
}

impl Grant {
    pub(super) fn load(tx: &mut Tx<'_>, new: &NewLicense) -> Result<Self> {
        let customer = customers::find(tx, &Sight::All, &new.customer)?;
        let product = products::find(tx, &Sight::All, &new.product)?;
        let plan = plans::sql::by_code(tx, product.id, &new.plan)?
            .ok_or_else(|| plans::unknown(&new.product, &new.plan))?;
        for (archived, what) in [
            (customer.archived_at, "the customer is archived".to_owned()),
            (product.archived_at, format!("the product {} is archived", product.code)),
        ] {
            if archived.is_some() {
                let detail = format!("{what}: no license is made for it");
                return Err(Refused::new(ErrorCode::WrongState, detail).into());
            }
        }
        products::check_key_format(new.key_format.unwrap_or(product.key_format))?;
        let known = products::sql::feature_codes(tx, product.id)?;
        Ok(Self { customer, product, plan, known })
    }

    /// Returns a new license without writing it.
    pub(super) fn license(&self, id: LicenseId, draft: &Draft, now: Timestamp) -> Result<License> {
        let Self { customer, plan, known, .. } = self;
        Ok(kaching_domain::licenses::create(id, customer.id, plan, known, draft, now)?)
    }
}

/// A new short key.
pub(super) fn make_key(op: &mut Op, prefix: &str) -> Result<LicenseKey> {
    LicenseKey::generate(prefix, op.random())
        .map_err(|_| Error::Failure("the product's key prefix makes no key".to_owned()))
}
