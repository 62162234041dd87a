//! The history of a license or customer: the entries about it and about what belongs to it.

use std::collections::BTreeSet;

use kaching_base::{ActivationId, CustomerId, LicenseId};
use kaching_db::Tx;

use super::{AuditFilter, sql};
use crate::{Result, Sight, customers, licenses};

/// A history with no more targets than this is read by them. For a longer one the log is read, and each entry's target is
/// looked up.
const MOST_TARGETS: i64 = 2_000;

/// The license or customer whose history is listed.
#[derive(Clone, Copy)]
pub(super) enum History {
    /// Of a license and its activations.
    License(LicenseId),
    /// Of a customer, its licenses, and their activations.
    Customer(CustomerId),
}

impl History {
    /// Returns the histories that the filter names, all of which an entry must be in.
    ///
    /// # Errors
    /// If it names a license or customer that is not in sight.
    pub(super) fn named(tx: &mut Tx<'_>, sight: &Sight, filter: &AuditFilter) -> Result<Vec<Self>> {
        let license = filter.license.map(|id| licenses::find(tx, sight, id)).transpose()?;
        let address = filter.customer.as_ref();
        let customer = address.map(|address| customers::find(tx, sight, address)).transpose()?;
        // The shorter one is first.
        let license = license.map(|license| Self::License(license.id));
        Ok(license.into_iter().chain(customer.map(|customer| Self::Customer(customer.id))).collect())
    }

    /// Returns the targets of its entries; `None` if there are too many.
    pub(super) fn targets(self, tx: &mut Tx<'_>) -> Result<Option<Vec<String>>> {
        let (mut targets, activations) = match self {
            Self::License(id) => {
                (vec![id.to_string()], sql::activations_of_license(tx, id, MOST_TARGETS + 1)?)
            }
            Self::Customer(id) => {
                let licenses = sql::licenses_of_customer(tx, id, MOST_TARGETS + 1)?;
                if !is_short(licenses.len()) {
                    return Ok(None);
                }
                let targets = [id.to_string()].into_iter().chain(licenses.iter().map(ToString::to_string));
                (targets.collect(), sql::activations_of_customer(tx, id, MOST_TARGETS + 1)?)
            }
        };
        targets.extend(activations.iter().map(ToString::to_string));
        Ok(is_short(targets.len()).then_some(targets))
    }

    /// Returns those of these targets that belong to it.
    pub(super) fn own(self, tx: &mut Tx<'_>, targets: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let activations: Vec<ActivationId> = targets.iter().filter_map(|text| text.parse().ok()).collect();
        let owned = sql::owners_of_activations(tx, activations)?.into_iter();
        let owned = owned.filter(|(_, license, customer)| match self {
            Self::License(id) => *license == id,
            Self::Customer(id) => *customer == id,
        });
        let mut own: BTreeSet<String> = owned.map(|(activation, ..)| activation.to_string()).collect();
        match self {
            Self::License(id) => own.extend([id.to_string()]),
            Self::Customer(id) => {
                let licenses: Vec<LicenseId> = targets.iter().filter_map(|text| text.parse().ok()).collect();
                let owned = sql::customers_of_licenses(tx, licenses)?.into_iter();
                own.extend(owned.filter(|(_, customer)| *customer == id).map(|(id, _)| id.to_string()));
                own.extend([id.to_string()]);
            }
        }
        own.retain(|target| targets.contains(target));
        Ok(own)
    }
}

fn is_short(targets: usize) -> bool {
    i64::try_from(targets).is_ok_and(|targets| targets <= MOST_TARGETS)
}
