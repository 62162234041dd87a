use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kaching_base::{LicenseId, PlanId, ProductId};
use kaching_db::{self as db, Tx};
use kaching_domain::License;

use super::{CatalogueVersion, Entitlement, LicenseVersion, Names, sql};
use crate::stored::{self, Granted};

/// The entitlements of licenses that were in use recently.
///
/// An entry is only used while the versions that the caller has read in its transaction are the entry's own, so nothing
/// here can be out of date, and everything can be read again.
#[derive(Default)]
pub(crate) struct EntitlementCache(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    licenses: HashMap<LicenseId, Arc<Entitlement>>,
    /// Parsed terms and overrides by the two texts in which they are stored: most licenses of a plan have the same.
    granted: HashMap<String, Granted>,
    names: HashMap<PlanId, (CatalogueVersion, Arc<Names>)>,
}

/// Licenses in the cache, of about a kilobyte each.
const MAX_LICENSES: usize = 32_768;
/// Different terms in the cache, of a few kilobytes each.
const MAX_GRANTED: usize = 1024;

impl EntitlementCache {
    /// Returns the entitlement of each license, and `None` for one that has no row any more.
    pub(crate) fn get_all(
        &self,
        tx: &mut Tx<'_>,
        licenses: &[LicenseVersion],
    ) -> db::Result<Vec<Option<Arc<Entitlement>>>> {
        let mut catalogues = BTreeMap::new();
        for LicenseVersion { product, .. } in licenses {
            if !catalogues.contains_key(product) {
                catalogues.insert(*product, sql::catalogue_version(tx, *product)?);
            }
        }
        self.get_versions(tx, licenses, &catalogues)
    }

    /// Returns the entitlement of a license whose catalogue's version has been read as well.
    pub(crate) fn get(
        &self,
        tx: &mut Tx<'_>,
        license: LicenseVersion,
        catalogue: CatalogueVersion,
    ) -> db::Result<Option<Arc<Entitlement>>> {
        let catalogues = BTreeMap::from([(license.product, catalogue)]);
        self.get_versions(tx, &[license], &catalogues).map(|found| found.into_iter().next().flatten())
    }

    /// Returns the entitlement of a license as it was last read, which may be out of date.
    pub(crate) fn last_read(&self, license: LicenseId) -> Option<Arc<Entitlement>> {
        self.entries().licenses.get(&license).cloned()
    }

    /// Forgets what a change of a product's catalogue may have made wrong.
    pub(crate) fn forget_product(&self, product: ProductId) {
        let mut entries = self.entries();
        entries.licenses.retain(|_, entitlement| entitlement.license.product != product);
        // Names are few and say nothing of their product.
        entries.names.clear();
    }

    fn get_versions(
        &self,
        tx: &mut Tx<'_>,
        licenses: &[LicenseVersion],
        catalogues: &BTreeMap<ProductId, CatalogueVersion>,
    ) -> db::Result<Vec<Option<Arc<Entitlement>>>> {
        let mut found: Vec<_> =
            licenses.iter().map(|license| self.find(license, catalogues[&license.product])).collect();
        let missing: BTreeSet<_> = licenses
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(license, _)| license.license)
            .collect();
        if !missing.is_empty() {
            let read = self.read(tx, missing.into_iter(), catalogues)?;
            for (found, license) in found.iter_mut().zip(licenses).filter(|(found, _)| found.is_none()) {
                *found = read.get(&license.license).cloned();
            }
            self.insert_all(read.into_values());
        }
        Ok(found)
    }

    fn find(&self, version: &LicenseVersion, catalogue: CatalogueVersion) -> Option<Arc<Entitlement>> {
        let entries = self.entries();
        let entitlement = entries.licenses.get(&version.license)?;
        let license = &entitlement.license;
        let is_current = (license.revision, license.updated_at) == (version.revision, version.updated_at)
            && entitlement.catalogue == catalogue;
        is_current.then(|| Arc::clone(entitlement))
    }

    fn insert_all(&self, read: impl Iterator<Item = Arc<Entitlement>>) {
        let licenses = &mut self.entries().licenses;
        for entitlement in read {
            if licenses.len() >= MAX_LICENSES {
                // Any will do: they are read again by one query together with others.
                let evicted: Vec<_> = licenses.keys().take(MAX_LICENSES / 8).copied().collect();
                evicted.iter().for_each(|id| drop(licenses.remove(id)));
            }
            licenses.insert(entitlement.license.id, entitlement);
        }
    }

    fn read(
        &self,
        tx: &mut Tx<'_>,
        ids: impl Iterator<Item = LicenseId>,
        catalogues: &BTreeMap<ProductId, CatalogueVersion>,
    ) -> db::Result<HashMap<LicenseId, Arc<Entitlement>>> {
        let mut read = HashMap::new();
        for license in sql::licenses(tx, ids, |terms, overrides| self.granted(terms, &overrides))? {
            let Some(catalogue) = catalogues.get(&license.product) else { continue };
            let names = self.names(tx, &license, *catalogue)?;
            read.insert(license.id, Arc::new(Entitlement::new(license, names, *catalogue)));
        }
        Ok(read)
    }

    fn granted(&self, terms: String, overrides: &str) -> db::Result<Granted> {
        // Two JSON objects in a row: no other two make the same text.
        let end = terms.len();
        let text = terms + overrides;
        let mut entries = self.entries();
        if let Some(granted) = entries.granted.get(&text) {
            return Ok(granted.clone());
        }
        let granted = stored::granted(&text[..end], &text[end..])?;
        if entries.granted.len() >= MAX_GRANTED {
            entries.granted.clear();
        }
        entries.granted.insert(text, granted.clone());
        Ok(granted)
    }

    fn names(
        &self,
        tx: &mut Tx<'_>,
        license: &License,
        catalogue: CatalogueVersion,
    ) -> db::Result<Arc<Names>> {
        if let Some((version, names)) = self.entries().names.get(&license.plan)
            && *version == catalogue
        {
            return Ok(Arc::clone(names));
        }
        let (names, version) = sql::names(tx, license)?;
        let names = Arc::new(names);
        self.entries().names.insert(license.plan, (version, Arc::clone(&names)));
        Ok(names)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
