//! What stands around licenses, kept from one call of a product to the next: whoever asks reads whether it is still so.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kaching_base::{LicenseId, PlanId, ProductId, Timestamp};
use kaching_db::{self as db, Tx};
use kaching_domain::License;

use super::sql;
use crate::{
    activations::sql::{Names, names},
    catalogue::{self, Stamp},
    licenses::Seen,
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
    /// What stands around each of these; nothing where there is no such license any more.
    pub(super) fn around(&self, tx: &mut Tx<'_>, seen: &[Seen]) -> db::Result<Vec<Option<Arc<Around>>>> {
        let mut stamps = BTreeMap::new();
        for Seen { product, .. } in seen {
            if !stamps.contains_key(product) {
                stamps.insert(*product, catalogue::sql::stamp(tx, *product)?);
            }
        }
        self.stamped(tx, seen, &stamps)
    }

    /// As [`around`](Self::around), for one whose catalogue is known.
    pub(crate) fn around_one(
        &self,
        tx: &mut Tx<'_>,
        seen: Seen,
        stamp: Stamp,
    ) -> db::Result<Option<Arc<Around>>> {
        let stamps = BTreeMap::from([(seen.product, stamp)]);
        self.stamped(tx, &[seen], &stamps).map(|found| found.into_iter().next().flatten())
    }

    fn stamped(
        &self,
        tx: &mut Tx<'_>,
        seen: &[Seen],
        stamps: &BTreeMap<ProductId, Stamp>,
    ) -> db::Result<Vec<Option<Arc<Around>>>> {
        let mut found: Vec<_> = seen.iter().map(|seen| self.find(seen, stamps[&seen.product])).collect();
        let missing: BTreeSet<_> = seen
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(seen, _)| seen.license)
            .collect();
        if !missing.is_empty() {
            let read = self.read(tx, missing.into_iter(), stamps)?;
            for (found, seen) in found.iter_mut().zip(seen).filter(|(found, _)| found.is_none()) {
                *found = read.get(&seen.license).cloned();
            }
            self.keep(read.into_values());
        }
        Ok(found)
    }

    fn find(&self, seen: &Seen, stamp: Stamp) -> Option<Arc<Around>> {
        let kept = self.kept();
        let ground = kept.licenses.get(&seen.license)?;
        (ground.version == seen.version && ground.around.stamp == stamp).then(|| Arc::clone(&ground.around))
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
