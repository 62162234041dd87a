//! The conditions of lists of activations. One filter leads: its index finds the rows, and the indexes of the others are
//! hidden by `|| ''`, so that PostgreSQL has one plan, however it estimates.

use kaching_base::{CustomerId, ProductId};
use kaching_db::{Param, Sql, ToParam, Tx};
use kaching_domain::ActivationStatus;

use crate::{
    Result,
    activations::ActivationFilter,
    search::{FEW, is_few},
};

/// The filter whose index finds the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::activations) enum Lead {
    License,
    Address,
    Version,
    Customer,
    Product,
    Status,
    /// None of them: the list is walked in its order.
    Walk,
}

/// The owners of the licenses whose activations are listed.
#[derive(Clone, Copy, Default)]
pub(in crate::activations) struct LicenseOwners {
    pub(in crate::activations) customer: Option<CustomerId>,
    pub(in crate::activations) product: Option<ProductId>,
}

/// Whether few activations match the filter that would lead; `false` without one.
fn matches_few(
    tx: &mut Tx<'_>,
    filter: &ActivationFilter,
    owners: LicenseOwners,
    lead: Lead,
) -> Result<bool> {
    let few = |tx: &mut Tx<'_>, counting, value: Option<Param<'_>>| match value {
        Some(value) => is_few(tx, counting, &[value, (FEW + 1).to_param()]),
        None => Ok(false),
    };
    match lead {
        Lead::Address => few(tx, OF_ADDRESS, filter.address.as_ref().map(ToParam::to_param)),
        Lead::Version => few(tx, OF_VERSION, filter.version.as_ref().map(ToParam::to_param)),
        Lead::Customer => {
            let id = owners.customer.as_ref().map(ToParam::to_param);
            Ok(few(tx, LICENSES_OF_CUSTOMER, id.clone())? && few(tx, OF_CUSTOMER, id)?)
        }
        Lead::Product => {
            let id = owners.product.as_ref().map(ToParam::to_param);
            Ok(few(tx, LICENSES_OF_PRODUCT, id.clone())? && few(tx, OF_PRODUCT, id)?)
        }
        Lead::Status => {
            // The active ones are nearly all, and those whose lapse is not recorded yet are active, too.
            let led = |status: &&ActivationStatus| {
                !matches!(status, ActivationStatus::Active | ActivationStatus::Lapsed)
            };
            let status = filter.status.as_ref().filter(led);
            few(tx, OF_STATUS, status.map(|status| Param::Text(status.as_str().into())))
        }
        Lead::License | Lead::Walk => Ok(false),
    }
}

/// Counts the activations with the value, up to a maximum.
macro_rules! counting {
    ($from:literal) => {
        concat!("select count(*) from (select 1 as one from ", $from, " limit ?2) as found")
    };
}

const OF_ADDRESS: &str = counting!("activations where address = ?1");
const OF_VERSION: &str = counting!("activations where version = ?1");
const OF_STATUS: &str = counting!("activations where status = ?1 and status <> 'active'");
const OF_CUSTOMER: &str =
    counting!("licenses l join activations a on a.license = l.id where l.customer = ?1");
const OF_PRODUCT: &str = counting!("licenses l join activations a on a.license = l.id where l.product = ?1");
/// Licenses without an activation are walked, too, so these have to be few as well.
const LICENSES_OF_CUSTOMER: &str = counting!("licenses where customer = ?1");
const LICENSES_OF_PRODUCT: &str = counting!("licenses where product = ?1");

/// Returns the filter that leads: the license, or one that few activations match.
pub(in crate::activations) fn lead(
    tx: &mut Tx<'_>,
    filter: &ActivationFilter,
    owners: LicenseOwners,
) -> Result<Lead> {
    if filter.license.is_some() {
        return Ok(Lead::License);
    }
    for lead in [Lead::Address, Lead::Version, Lead::Customer, Lead::Product, Lead::Status] {
        if matches_few(tx, filter, owners, lead)? {
            return Ok(lead);
        }
    }
    Ok(Lead::Walk)
}

/// Adds the conditions on address, version, health, and the owner of the license.
pub(in crate::activations) fn conditions(
    sql: &mut Sql,
    filter: &ActivationFilter,
    owners: LicenseOwners,
    lead: Lead,
) {
    let few_or_many = |at: Lead, few: &'static str, many: &'static str| if lead == at { few } else { many };
    let address = few_or_many(
        Lead::Address,
        " and a.id in (select x.id from activations x where x.address = ? limit 1000)",
        " and a.address || '' = ?",
    );
    sql.add_if(address, filter.address.as_deref());
    let version = few_or_many(
        Lead::Version,
        " and a.id in (select x.id from activations x where x.version = ? limit 1000)",
        " and a.version || '' = ?",
    );
    sql.add_if(version, filter.version.as_deref());
    let health = filter.health.map(|status| format!("{{\"status\":\"{status}\",%"));
    sql.add_if(" and a.health like ?", health.as_deref());
    let customer = few_or_many(
        Lead::Customer,
        " and a.id in (select x.id from licenses o join activations x on x.license = o.id where o.customer = ? limit 1000)",
        " and exists (select 1 from licenses o where o.id = a.license and o.customer = ? limit 1 offset 0)",
    );
    sql.add_if(customer, owners.customer);
    let product = few_or_many(
        Lead::Product,
        " and a.id in (select x.id from licenses o join activations x on x.license = o.id where o.product = ? limit 1000)",
        " and exists (select 1 from licenses o where o.id = a.license and o.product = ? limit 1 offset 0)",
    );
    sql.add_if(product, owners.product);
}
