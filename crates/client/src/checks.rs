//! Checks: each reads one immutable value, which is replaced as a whole when something changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use kaching_base::{Limit, Overage};
use kaching_license::RefusalCode;

use crate::{
    clock::Clock,
    counters::Counters,
    denied::{Denied, OverLimit},
    grant::Grant,
    names::UnknownName,
};

/// The verdict until a moment, and the one from then on.
#[derive(Debug)]
pub(crate) struct CheckSnapshot {
    pub(crate) now: Verdict,
    /// On the boot clock, so that it holds even where the thread that would replace it gets no time.
    pub(crate) until: Duration,
    pub(crate) then: Verdict,
    pub(crate) grant: Option<Arc<Grant>>,
    /// The use of slots and counters: as the authority last answered it, with the usage that it has not acknowledged.
    pub(crate) usage: BTreeMap<String, u64>,
}

/// The verdict on the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that is granted.
    Run,
    /// Everything that is granted, except the features that a degraded license does not keep; the reason as in
    /// [`No`](Self::No).
    Keep { code: Option<RefusalCode>, message: String },
    /// Grants nothing.
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
        let is_granted = snapshot.grant.as_ref().is_some_and(|grant| grant.lease.features.contains(feature));
        if let Some(grant) = snapshot.grant.as_ref().filter(|_| !is_granted) {
            grant.check_feature_name(feature).map_err(Denied::unknown)?;
        }
        let verdict = snapshot.at(self.clock.boot());
        verdict.admits(&snapshot)?;
        let Some(grant) = &snapshot.grant else { return Err(nothing_granted()) };
        if !is_granted {
            return Err(grant.without(feature));
        }
        if let Verdict::Keep { code, message } = verdict
            && !grant.lease.grace.keep.contains(feature)
        {
            let message = format!("{feature} is off until the license is in order again. {message}");
            return Err(Denied::everything(code.clone(), message, grant.contact()));
        }
        Ok(())
    }

    /// Checks an amount against a limit, by the limit's kind: whether a level may become `wanted`, which it then is;
    /// whether `wanted` more of a counter fit into its period; or whether there may be `wanted` slots. A level or slots
    /// that do not grow are always allowed. Returns whether a level changed.
    pub(crate) fn ensure(&self, name: &str, wanted: u64) -> Result<bool, Denied> {
        let snapshot = self.snapshot.load();
        if let Some(grant) = &snapshot.grant {
            grant.check_limit_name(name).map_err(Denied::unknown)?;
        }
        snapshot.at(self.clock.boot()).admits(&snapshot)?;
        let Some(grant) = &snapshot.grant else { return Err(nothing_granted()) };
        let used = || snapshot.usage.get(name).copied().unwrap_or(0);
        let limit = grant.limit(name);
        let max = limit.as_ref().and_then(Limit::max).unwrap_or(u64::MAX);
        let over = |present: u64| grant.over(name, OverLimit { present, wanted, max });
        match limit {
            Some(Limit::Counter { overage, .. }) => {
                let present = used().saturating_add(self.counters.usage(name));
                let allowed = match overage {
                    Overage::Hard => max,
                    Overage::Soft(more) => more.map_or(u64::MAX, |more| max.saturating_add(more)),
                };
                let fits = wanted == 0 || present.saturating_add(wanted) <= allowed;
                if fits { Ok(false) } else { Err(over(present)) }
            }
            Some(Limit::Slots { .. }) => {
                let present = used();
                if wanted <= max || wanted <= present { Ok(false) } else { Err(over(present)) }
            }
            Some(Limit::Level { .. }) | None => {
                let allows = |present: u64| wanted <= max || wanted <= present;
                self.counters.try_set_level(name, wanted, allows).map_err(over)
            }
        }
    }

    /// Sets a level even above its limit, and returns whether it changed.
    pub(crate) fn set_level(&self, name: &str, level: u64) -> Result<bool, UnknownName> {
        self.check_limit_name(name)?;
        Ok(self.counters.set_level(name, level))
    }

    /// Adds usage to a counter even above its limit, and returns whether there was none.
    pub(crate) fn add_usage(&self, name: &str, amount: u64) -> Result<bool, UnknownName> {
        self.check_limit_name(name)?;
        Ok(self.counters.add_usage(name, amount))
    }

    fn check_limit_name(&self, name: &str) -> Result<(), UnknownName> {
        self.snapshot.load().grant.as_ref().map_or(Ok(()), |grant| grant.check_limit_name(name))
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
