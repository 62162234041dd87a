//! What stands around licenses, kept from one heartbeat to the next: a batch reads whether it is still so.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use kaching_base::{LicenseId, Timestamp};
use kaching_db::{self as db, Tx};

use super::sql::{self, Stood};
use crate::{
    activations,
    catalogue::{self, Stamp},
    statements::Around,
};

/// Licenses that were heard of lately. Everything in it can be read again.
#[derive(Default)]
pub(crate) struct Grounds(Mutex<HashMap<LicenseId, Ground>>);

struct Ground {
    version: (i64, Timestamp),
    around: Arc<Around>,
}

/// Licenses that are kept: a few kilobytes each.
const MOST: usize = 8192;

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
        let missing = || stood.iter().zip(&found).filter(|(_, found)| found.is_none());
        if missing().next().is_some() {
            let read = read(tx, missing().map(|(stood, _)| stood.activation.license))?;
            for (found, stood) in found.iter_mut().zip(stood).filter(|(found, _)| found.is_none()) {
                *found = read.get(&stood.activation.license).cloned();
            }
            self.keep(read.into_values());
        }
        Ok(found)
    }

    fn find(&self, stood: &Stood, stamp: Stamp) -> Option<Arc<Around>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ground = kept.get(&stood.activation.license)?;
        (ground.version == stood.version && ground.around.stamp == stamp).then(|| Arc::clone(&ground.around))
    }

    fn keep(&self, read: impl Iterator<Item = Arc<Around>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for around in read {
            if kept.len() >= MOST {
                // Which ones go does not matter much: they are read again in one query with others.
                let gone: Vec<_> = kept.keys().take(MOST / 8).copied().collect();
                gone.iter().for_each(|id| drop(kept.remove(id)));
            }
            let version = (around.license.revision, around.license.updated_at);
            kept.insert(around.license.id, Ground { version, around });
        }
    }

    /// Forgets all: two changes of a catalogue in one microsecond look alike.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Reads licenses, and once for each plan what is named around them.
fn read(
    tx: &mut Tx<'_>,
    ids: impl Iterator<Item = LicenseId>,
) -> db::Result<HashMap<LicenseId, Arc<Around>>> {
    let mut names = HashMap::new();
    let mut read = HashMap::new();
    for license in sql::licenses(tx, ids)? {
        let plan = (license.product, license.plan);
        if let Entry::Vacant(unknown) = names.entry(plan) {
            unknown.insert(activations::sql::names(tx, &license)?);
        }
        let (names, stamp) = names[&plan].clone();
        read.insert(license.id, Arc::new(Around::new(license, names, stamp)));
    }
    Ok(read)
}
