use std::{collections::HashMap, sync::Mutex};

use kaching_base::{ActivationId, ErrorCode, LicenseId, Timestamp};

use crate::changes::FRESH;

/// Pushed refusals: signed once, however many wait for them.
#[derive(Default)]
pub(crate) struct Pushed(Mutex<HashMap<Name, (Timestamp, String)>>);

/// What a pushed refusal is about.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) license: LicenseId,
    /// Nothing where it is the license that refuses.
    pub(crate) act: Option<ActivationId>,
    pub(crate) rev: i64,
    pub(crate) code: ErrorCode,
}

const MOST: usize = 10_000;

impl Pushed {
    pub(crate) fn find(&self, name: &Name, now: Timestamp) -> Option<String> {
        let kept = self.0.lock().expect("nothing panics while it is held");
        let (signed_at, statement) = kept.get(name)?;
        (*signed_at <= now && now < *signed_at + FRESH).then(|| statement.clone())
    }

    pub(crate) fn keep(&self, name: Name, statement: String, now: Timestamp) {
        let mut kept = self.0.lock().expect("nothing panics while it is held");
        if kept.len() >= MOST {
            kept.retain(|_, (signed_at, _)| now < *signed_at + FRESH);
        }
        if kept.len() < MOST {
            kept.insert(name, (now, statement));
        }
    }
}
