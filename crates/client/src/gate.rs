//! What checks read: one immutable value, swapped whole when something changes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use kaching_license::RefusalCode;

use crate::{
    clock::Clock,
    denied::{Denied, OverLimit},
    grant::Grant,
};

/// What checks say until a moment, and from then on.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) now: Verdict,
    /// On the boot clock, so that it holds even where the thread that would swap it gets no time.
    pub(crate) until: Duration,
    pub(crate) then: Verdict,
    pub(crate) grant: Option<Arc<Grant>>,
}

/// What checks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As the grant says.
    Run,
    /// As the grant says, of the features only those that stay: why, as in [`No`](Self::No).
    Keep { code: Option<RefusalCode>, message: String },
    /// No to everything.
    No { code: Option<RefusalCode>, message: String },
}

/// The face of the gate for checks.
pub(crate) struct Gates {
    clock: Arc<dyn Clock>,
    gate: ArcSwap<Gate>,
    /// Present levels and unsent usage by name; copied when a name is new, never otherwise.
    counts: ArcSwap<BTreeMap<String, Arc<Count>>>,
}

/// One name's present level, and its usage since somebody took it.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) level: AtomicU64,
    /// Whether a level was ever told: zero is told, nothing is not.
    pub(crate) told: AtomicBool,
    pub(crate) used: AtomicU64,
}

impl Gates {
    pub(crate) fn new(clock: Arc<dyn Clock>, gate: Gate, levels: &BTreeMap<String, u64>) -> Self {
        let count = |level: u64| Arc::new(Count { level: level.into(), told: true.into(), used: 0.into() });
        let counts = levels.iter().map(|(name, level)| (name.clone(), count(*level))).collect();
        Self { clock, gate: ArcSwap::from_pointee(gate), counts: ArcSwap::from_pointee(counts) }
    }

    /// Swaps in what checks read from now on.
    pub(crate) fn set(&self, gate: Gate) {
        self.gate.store(Arc::new(gate));
    }

    /// Whether it may run at all.
    pub(crate) fn check(&self) -> Result<(), Denied> {
        let gate = self.gate.load();
        gate.at(self.clock.boot()).admits(&gate)
    }

    /// Whether it may use a feature.
    pub(crate) fn require(&self, feature: &str) -> Result<(), Denied> {
        let gate = self.gate.load();
        let verdict = gate.at(self.clock.boot());
        verdict.admits(&gate)?;
        let Some(grant) = &gate.grant else { return Err(nothing_granted()) };
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

    /// Whether a level may become `wanted`, which it then is; a level that does not grow always may. Says whether it is
    /// another one than before.
    pub(crate) fn ensure(&self, level: &str, wanted: u64) -> Result<bool, Denied> {
        let gate = self.gate.load();
        gate.at(self.clock.boot()).admits(&gate)?;
        let Some(grant) = &gate.grant else { return Err(nothing_granted()) };
        let max = grant.lease.limits.get(level).and_then(kaching_base::Limit::max);
        let over = |present: u64| max.filter(|max| wanted > *max && wanted > present);
        self.count(level, |count| {
            let set = |present: u64| over(present).is_none().then_some(wanted);
            match count.level.fetch_update(Ordering::AcqRel, Ordering::Acquire, set) {
                Ok(before) => Ok(!count.told.swap(true, Ordering::AcqRel) || before != wanted),
                Err(present) => {
                    let max = max.unwrap_or(u64::MAX);
                    Err(grant.over(level, OverLimit { present, wanted, max }))
                }
            }
        })
    }

    /// Tells a level as it is, whatever the limit. Says whether it is another one than before.
    pub(crate) fn level(&self, level: &str, present: u64) -> bool {
        self.count(level, |count| {
            let before = count.level.swap(present, Ordering::AcqRel);
            !count.told.swap(true, Ordering::AcqRel) || before != present
        })
    }

    /// Adds to a counter, and says whether it was empty.
    pub(crate) fn record(&self, counter: &str, amount: u64) -> bool {
        self.count(counter, |count| count.used.fetch_add(amount, Ordering::AcqRel) == 0)
    }

    /// Present levels, as far as they were told.
    pub(crate) fn levels(&self) -> BTreeMap<String, u64> {
        let counts = self.counts();
        let told = counts.iter().filter(|(_, count)| count.told.load(Ordering::Acquire));
        told.map(|(name, count)| (name.clone(), count.level.load(Ordering::Acquire))).collect()
    }

    /// Takes what was used since it was last taken.
    pub(crate) fn take_used(&self) -> Vec<(String, u64)> {
        let counts = self.counts();
        let taken = counts.iter().map(|(name, count)| (name.clone(), count.used.swap(0, Ordering::AcqRel)));
        taken.filter(|(_, amount)| *amount > 0).collect()
    }

    /// Whether anything was used that nobody has taken.
    pub(crate) fn has_unsent(&self) -> bool {
        self.counts().values().any(|count| count.used.load(Ordering::Acquire) > 0)
    }

    /// Every name with its counts.
    pub(crate) fn counts(&self) -> Arc<BTreeMap<String, Arc<Count>>> {
        self.counts.load_full()
    }

    fn count<T>(&self, name: &str, with: impl FnOnce(&Count) -> T) -> T {
        if let Some(count) = self.counts.load().get(name) {
            return with(count);
        }
        self.counts.rcu(|counts| {
            let mut counts = BTreeMap::clone(counts);
            counts.entry(name.to_owned()).or_default();
            counts
        });
        match self.counts.load().get(name) {
            Some(count) => with(count),
            None => with(&Count::default()),
        }
    }
}

impl Gate {
    fn at(&self, boot: Duration) -> &Verdict {
        if boot < self.until { &self.now } else { &self.then }
    }
}

impl Verdict {
    fn admits(&self, gate: &Gate) -> Result<(), Denied> {
        match self {
            Self::Run | Self::Keep { .. } => Ok(()),
            Self::No { code, message } => {
                let contact = gate.grant.as_ref().and_then(|grant| grant.contact());
                Err(Denied::everything(code.clone(), message.clone(), contact))
            }
        }
    }
}

fn nothing_granted() -> Denied {
    Denied::everything(None, "There is no lease yet.".to_owned(), None)
}
