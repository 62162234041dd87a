//! Checks: each reads one immutable value, which is replaced as a whole when something changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use kaching_license::RefusalCode;

use crate::{
    clock::Clock,
    counters::Counters,
    denied::{Denied, OverLimit},
    grant::Grant,
};

/// The verdict until a moment, and the one from then on.
#[derive(Debug)]
pub(crate) struct CheckSnapshot {
    pub(crate) now: Verdict,
    /// On the boot clock, so that it holds even where the thread that would replace it gets no time.
    pub(crate) until: Duration,
    pub(crate) then: Verdict,
    pub(crate) grant: Option<Arc<Grant>>,
}

/// What may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that is granted.
    Run,
    /// What is granted, but only the features that a degraded license keeps; the reason as in [`No`](Self::No).
    Keep { code: Option<RefusalCode>, message: String },
    /// Nothing.
    No { code: Option<RefusalCode>, message: String },
}

/// The checks of one guard, with the levels and the usage that it has recorded.
pub(crate) struct Checks {
    clock: Arc<dyn Clock>,
    snapshot: ArcSwap<CheckSnapshot>,
    counters: Counters,
}

impl Checks {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        snapshot: CheckSnapshot,
        levels: &BTreeMap<String, u64>,
    ) -> Self {
        Self { clock, snapshot: ArcSwap::from_pointee(snapshot), counters: Counters::new(levels) }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Replaces what checks read.
    pub(crate) fn set(&self, snapshot: CheckSnapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Checks whether the product may run at all.
    pub(crate) fn check(&self) -> Result<(), Denied> {
        let snapshot = self.snapshot.load();
        snapshot.at(self.clock.boot()).admits(&snapshot)
    }

    /// Checks whether it may use a feature.
    pub(crate) fn require(&self, feature: &str) -> Result<(), Denied> {
        let snapshot = self.snapshot.load();
        let verdict = snapshot.at(self.clock.boot());
        verdict.admits(&snapshot)?;
        let Some(grant) = &snapshot.grant else { return Err(nothing_granted()) };
        let lease = &grant.lease;
        if !lease.features.contains(feature) {
            return Err(grant.without(feature));
        }
        if let Verdict::Keep { code, message } = verdict
            && !lease.grace.keep.contains(feature)
        {
            let message = format!("{feature} is off until the license is in order again. {message}");
            return Err(Denied::everything(code.clone(), message, grant.contact()));
        }
        Ok(())
    }

    /// Checks whether a level may become `wanted`, and sets it if so; a level that does not grow always may. Returns
    /// whether it changed.
    pub(crate) fn ensure(&self, level: &str, wanted: u64) -> Result<bool, Denied> {
        let snapshot = self.snapshot.load();
        snapshot.at(self.clock.boot()).admits(&snapshot)?;
        let Some(grant) = &snapshot.grant else { return Err(nothing_granted()) };
        let max = grant.lease.limits.get(level).and_then(kaching_base::Limit::max).unwrap_or(u64::MAX);
        let allows = |present: u64| wanted <= max || wanted <= present;
        let set = self.counters.try_set_level(level, wanted, allows);
        set.map_err(|present| grant.over(level, OverLimit { present, wanted, max }))
    }
}

impl CheckSnapshot {
    fn at(&self, boot: Duration) -> &Verdict {
        if boot < self.until { &self.now } else { &self.then }
    }
}

impl Verdict {
    fn admits(&self, snapshot: &CheckSnapshot) -> Result<(), Denied> {
        match self {
            Self::Run | Self::Keep { .. } => Ok(()),
            Self::No { code, message } => {
                let contact = snapshot.grant.as_ref().and_then(|grant| grant.contact());
                Err(Denied::everything(code.clone(), message.clone(), contact))
            }
        }
    }
}

fn nothing_granted() -> Denied {
    Denied::everything(None, "There is no lease yet.".to_owned(), None)
}
