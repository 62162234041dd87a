use std::{collections::HashMap, sync::Mutex};

use kaching_base::{ActivationId, ErrorCode, LicenseId, Timestamp};

use crate::changes::FRESH;

/// Refusals that were pushed lately, each signed once for all of its receivers.
#[derive(Default)]
pub(crate) struct Pushed(Mutex<HashMap<Name, (Timestamp, String)>>);

/// The subject of a pushed refusal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) license: LicenseId,
    /// `None` for a refusal by the license itself.
    pub(crate) act: Option<ActivationId>,
    pub(crate) rev: i64,
    pub(crate) code: ErrorCode,
}

const MOST: usize = 10_000;

impl Pushed {
    pub(crate) fn find(&self, name: &Name, now: Timestamp) -> Option<String> {
        let pushed = self.0.lock().expect("nothing panics while it is held");
        let (signed_at, statement) = pushed.get(name)?;
        (*signed_at <= now && now < *signed_at + FRESH).then(|| statement.clone())
    }

    pub(crate) fn insert(&self, name: Name, statement: String, now: Timestamp) {
        let mut pushed = self.0.lock().expect("nothing panics while it is held");
        if pushed.len() >= MOST {
            pushed.retain(|_, (signed_at, _)| now < *signed_at + FRESH);
        }
        if pushed.len() < MOST {
            pushed.insert(name, (now, statement));
        }
    }
}
