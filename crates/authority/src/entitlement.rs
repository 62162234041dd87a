//! Entitlements: a license with its effective terms and the names around it, its version, its cache and its SQL.

mod cache;
pub(crate) mod sql;

use std::sync::Arc;

use kaching_base::{Code, LeaseAlgorithm, LicenseId, ProductId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Contact, License, Terms};

use crate::Result;

pub(crate) use cache::EntitlementCache;

/// A license with its effective terms, and the names of its product and plan.
pub(crate) struct Entitlement {
    pub(crate) license: License,
    /// The plan's terms with the license's overrides.
    pub(crate) terms: Arc<Terms>,
    pub(crate) names: Arc<Names>,
    pub(crate) catalogue: CatalogueVersion,
}

/// The product and plan of a license, as statements and answers name them.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) product: Code,
    pub(crate) lease_alg: LeaseAlgorithm,
    pub(crate) contact: Contact,
    pub(crate) plan: Code,
    pub(crate) plan_name: String,
    pub(crate) rank: i64,
}

/// The version of a license's row: everything that a product learns about its license changes only together with it.
#[derive(Clone, Copy)]
pub(crate) struct LicenseVersion {
    pub(crate) license: LicenseId,
    pub(crate) product: ProductId,
    pub(crate) revision: i64,
    pub(crate) updated_at: Timestamp,
    /// The count of active activations in the row. It is no part of the version, since every activation changes it.
    pub(crate) active: i64,
}

/// The version of a product's catalogue: when the product, its features and its plans last changed, and how many
/// features and plans there are.
///
/// Two changes within one microsecond have the same version, so the process that makes a change also clears its caches
/// ([`Op::catalogue_changed`](crate::Op::catalogue_changed)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CatalogueVersion([i64; 5]);

impl Entitlement {
    pub(crate) fn new(license: License, names: Arc<Names>, catalogue: CatalogueVersion) -> Self {
        Self { terms: license.terms(), license, names, catalogue }
    }

    /// Reads the names around a license that has been read from the database.
    pub(crate) fn of(tx: &mut Tx<'_>, license: License) -> Result<Self> {
        let (names, catalogue) = sql::names(tx, &license)?;
        Ok(Self::new(license, Arc::new(names), catalogue))
    }
}
