//! What stands around licenses, kept from one heartbeat to the next: a batch reads whether it is still so.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kaching_base::{LicenseId, PlanId, ProductId, Timestamp};
use kaching_db::{self as db, Tx};
use kaching_domain::License;

use super::sql::{self, Stood};
use crate::{
    activations::sql::{Names, names},
    catalogue::{self, Stamp},
    statements::Around,
    stored::{self, Granted},
};

/// Everything in it can be read again.
#[derive(Default)]
pub(crate) struct Grounds(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Licenses that were heard of lately.
    licenses: HashMap<LicenseId, Ground>,
    /// What licenses grant, by the texts that hold it: most licenses of a plan grant the same.
    granted: HashMap<String, Granted>,
    /// What is named around licenses of a plan, and the catalogue that has it so.
    names: HashMap<PlanId, (Stamp, Arc<Names>)>,
}

struct Ground {
    version: (i64, Timestamp),
    around: Arc<Around>,
}

/// Licenses that are kept: about a kilobyte each.
const LICENSES: usize = 32_768;
/// Different grants that are kept: a few kilobytes each.
const GRANTS: usize = 1024;

impl Grounds {
    /// What stands around the license of each; nothing where there is no such license.
    pub(super) fn around(&self, tx: &mut Tx<'_>, stood: &[Stood]) -> db::Result<Vec<Option<Arc<Around>>>> {
        let mut stamps = BTreeMap::new();
        for Stood { product, .. } in stood {
            if !stamps.contains_key(product) {
                stamps.insert(*product, catalogue::sql::stamp(tx, *product)?);
            }
        }
        let mut found: Vec<_> = stood.iter().map(|stood| self.find(stood, stamps[&stood.product])).collect();
        let missing: BTreeSet<_> = stood
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(stood, _)| stood.activation.license)
            .collect();
        if !missing.is_empty() {
            let read = self.read(tx, missing.into_iter(), &stamps)?;
            for (found, stood) in found.iter_mut().zip(stood).filter(|(found, _)| found.is_none()) {
                *found = read.get(&stood.activation.license).cloned();
            }
            self.keep(read.into_values());
        }
        Ok(found)
    }

    fn find(&self, stood: &Stood, stamp: Stamp) -> Option<Arc<Around>> {
        let kept = self.kept();
        let ground = kept.licenses.get(&stood.activation.license)?;
        (ground.version == stood.version && ground.around.stamp == stamp).then(|| Arc::clone(&ground.around))
    }

    fn keep(&self, read: impl Iterator<Item = Arc<Around>>) {
        let licenses = &mut self.kept().licenses;
        for around in read {
            if licenses.len() >= LICENSES {
                // Which ones go does not matter much: they are read again in one query with others.
                let gone: Vec<_> = licenses.keys().take(LICENSES / 8).copied().collect();
                gone.iter().for_each(|id| drop(licenses.remove(id)));
            }
            let version = (around.license.revision, around.license.updated_at);
            licenses.insert(around.license.id, Ground { version, around });
        }
    }

    fn read(
        &self,
        tx: &mut Tx<'_>,
        ids: impl Iterator<Item = LicenseId>,
        stamps: &BTreeMap<ProductId, Stamp>,
    ) -> db::Result<HashMap<LicenseId, Arc<Around>>> {
        let mut read = HashMap::new();
        for license in sql::licenses(tx, ids, |terms, overrides| self.granted(terms, &overrides))? {
            let Some(stamp) = stamps.get(&license.product) else { continue };
            let names = self.names(tx, &license, *stamp)?;
            read.insert(license.id, Arc::new(Around::new(license, names, *stamp)));
        }
        Ok(read)
    }

    fn granted(&self, terms: String, overrides: &str) -> db::Result<Granted> {
        // Two objects of JSON: no other two make the same text.
        let end = terms.len();
        let text = terms + overrides;
        let mut kept = self.kept();
        if let Some(granted) = kept.granted.get(&text) {
            return Ok(granted.clone());
        }
        let granted = stored::granted(&text[..end], &text[end..])?;
        if kept.granted.len() >= GRANTS {
            kept.granted.clear();
        }
        kept.granted.insert(text, granted.clone());
        Ok(granted)
    }

    fn names(&self, tx: &mut Tx<'_>, license: &License, stamp: Stamp) -> db::Result<Arc<Names>> {
        if let Some((at, names)) = self.kept().names.get(&license.plan)
            && *at == stamp
        {
            return Ok(Arc::clone(names));
        }
        let (read, at) = names(tx, license)?;
        let read = Arc::new(read);
        self.kept().names.insert(license.plan, (at, Arc::clone(&read)));
        Ok(read)
    }

    /// Forgets what may have changed unseen: two changes of a catalogue in one microsecond look alike.
    pub(crate) fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
