use kaching_base::ErrorCode;
use kaching_domain::{Refused, licenses::Draft};
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
            let customer = customers::find(tx, &Sight::All, &new.customer)?;
            let product = products::find(tx, &Sight::All, &new.product)?;
            let plan = plans::sql::by_code(tx, product.id, &new.plan)?
                .ok_or_else(|| plans::unknown(&new.product, &new.plan))?;
            for (archived, what) in [
                (customer.archived_at, "the customer is archived".to_owned()),
                (product.archived_at, format!("the product {} is archived", product.code)),
            ] {
                if archived.is_some() {
                    return Err(Refused::new(
                        ErrorCode::WrongState,
                        format!("{what}: no license is made for it"),
                    )
                    .into());
                }
            }
            products::check_key_format(new.key_format.unwrap_or(product.key_format))?;
            let known = products::sql::feature_codes(tx, product.id)?;
            let license =
                kaching_domain::licenses::create(op.id(), customer.id, &plan, &known, &new.draft, op.now)?;
            let key = make_key(op, product.key_prefix.as_str())?;
            sql::insert(tx, &license)?;
            sql::insert_key(tx, &op.keys, license.id, &key, op.now)?;
            op.on("license.create", license.id);
            op.audit(tx, audit_view::of(&license).created())?;
            Ok(LicenseDetails {
                license,
                product: product.code,
                plan: plan.code,
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

/// A new short key.
pub(super) fn make_key(op: &mut Op, prefix: &str) -> Result<LicenseKey> {
    LicenseKey::generate(prefix, op.random())
        .map_err(|_| Error::Failure("the product's key prefix makes no key".to_owned()))
}
