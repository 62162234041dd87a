//! What many licenses have in common, kept from one heartbeat to the next: of millions of licenses, each heartbeat is
//! likely the first in a while, and costs no more for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kaching_base::PlanId;
use kaching_db::{self as db, Tx};
use kaching_domain::License;

use crate::{
    activations::sql::{self, Names},
    catalogue::Stamp,
    stored::{self, Granted},
};

/// Everything in it can be read again.
#[derive(Default)]
pub(crate) struct Grounds(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the texts that hold it.
    granted: HashMap<String, Granted>,
    names: HashMap<PlanId, (Stamp, Arc<Names>)>,
}

/// Different grants that are kept, a few kilobytes each. A house has some for each plan.
const MOST: usize = 1024;

impl Grounds {
    /// What a license grants, from the texts that hold it. Most licenses of a plan have the same, read only once.
    pub(super) fn granted(&self, terms: String, overrides: &str) -> db::Result<Granted> {
        let end = terms.len();
        let text = terms + overrides;
        let mut kept = self.kept();
        if let Some(granted) = kept.granted.get(&text) {
            return Ok(granted.clone());
        }
        let granted = stored::granted(&text[..end], &text[end..])?;
        if kept.granted.len() >= MOST {
            kept.granted.clear();
        }
        kept.granted.insert(text, granted.clone());
        Ok(granted)
    }

    /// What is named around a license, as its product's catalogue has it at this stamp.
    pub(super) fn names(&self, tx: &mut Tx<'_>, license: &License, stamp: Stamp) -> db::Result<Arc<Names>> {
        if let Some((at, names)) = self.kept().names.get(&license.plan)
            && *at == stamp
        {
            return Ok(Arc::clone(names));
        }
        let names = Arc::new(sql::names(tx, license)?);
        self.kept().names.insert(license.plan, (stamp, Arc::clone(&names)));
        Ok(names)
    }

    /// Forgets what things are called: two changes of a catalogue in one microsecond look alike.
    pub(crate) fn forget(&self) {
        self.kept().names.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
