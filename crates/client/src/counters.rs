//! Levels and usage as the host records them, in memory, until they are written to disk.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

/// Present levels and unsaved usage by name. The map is copied when a name is new, never otherwise.
pub(crate) struct Counters(ArcSwap<BTreeMap<String, Arc<Counter>>>);

/// One name's present level, and its usage since somebody took it.
#[derive(Debug, Default)]
struct Counter {
    level: AtomicU64,
    /// Whether the level was ever set, to zero for example.
    is_set: AtomicBool,
    used: AtomicU64,
}

impl Counters {
    pub(crate) fn new(levels: &BTreeMap<String, u64>) -> Self {
        let counter =
            |level: u64| Arc::new(Counter { level: level.into(), is_set: true.into(), used: 0.into() });
        let counters = levels.iter().map(|(name, level)| (name.clone(), counter(*level))).collect();
        Self(ArcSwap::from_pointee(counters))
    }

    /// Sets a level, unless `allows` says no to the change from the present level. Returns whether it changed.
    ///
    /// # Errors
    /// With the present level, if that stays.
    pub(crate) fn try_set_level(
        &self,
        name: &str,
        level: u64,
        allows: impl Fn(u64) -> bool,
    ) -> Result<bool, u64> {
        self.with(name, |counter| {
            let set = |present: u64| allows(present).then_some(level);
            let before = counter.level.fetch_update(Ordering::AcqRel, Ordering::Acquire, set)?;
            Ok(!counter.is_set.swap(true, Ordering::AcqRel) || before != level)
        })
    }

    /// Sets a level, and returns whether it changed.
    pub(crate) fn set_level(&self, name: &str, level: u64) -> bool {
        self.try_set_level(name, level, |_| true).unwrap_or(false)
    }

    /// Returns a level; zero if it was never set.
    pub(crate) fn level(&self, name: &str) -> u64 {
        self.0.load().get(name).map_or(0, |counter| counter.level.load(Ordering::Acquire))
    }

    /// Returns the levels that were set.
    pub(crate) fn levels(&self) -> BTreeMap<String, u64> {
        let counters = self.0.load();
        let set = counters.iter().filter(|(_, counter)| counter.is_set.load(Ordering::Acquire));
        set.map(|(name, counter)| (name.clone(), counter.level.load(Ordering::Acquire))).collect()
    }

    /// Adds usage, and returns whether there was none.
    pub(crate) fn add_usage(&self, name: &str, amount: u64) -> bool {
        self.with(name, |counter| counter.used.fetch_add(amount, Ordering::AcqRel) == 0)
    }

    /// Returns the usage that was not taken yet.
    pub(crate) fn usage(&self, name: &str) -> u64 {
        self.0.load().get(name).map_or(0, |counter| counter.used.load(Ordering::Acquire))
    }

    /// Takes the usage since it was last taken.
    pub(crate) fn take_usage(&self) -> Vec<(String, u64)> {
        let counters = self.0.load();
        let taken =
            counters.iter().map(|(name, counter)| (name.clone(), counter.used.swap(0, Ordering::AcqRel)));
        taken.filter(|(_, amount)| *amount > 0).collect()
    }

    /// Whether there is usage that was not taken yet.
    pub(crate) fn has_usage(&self) -> bool {
        self.0.load().values().any(|counter| counter.used.load(Ordering::Acquire) > 0)
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&Counter) -> T) -> T {
        if let Some(counter) = self.0.load().get(name) {
            return act(counter);
        }
        self.0.rcu(|counters| {
            let mut counters = BTreeMap::clone(counters);
            counters.entry(name.to_owned()).or_default();
            counters
        });
        match self.0.load().get(name) {
            Some(counter) => act(counter),
            None => act(&Counter::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_not_allowed_stays() {
        let counters = Counters::new(&BTreeMap::new());
        assert_eq!(counters.try_set_level("nodes", 0, |_| true), Ok(true), "zero is set, too");
        assert_eq!(counters.try_set_level("nodes", 3, |present| present == 0), Ok(true));
        assert_eq!(counters.try_set_level("nodes", 4, |present| present == 0), Err(3));
        assert!(!counters.set_level("nodes", 3));
        assert_eq!((counters.level("nodes"), counters.level("others")), (3, 0));
        counters.add_usage("jobs", 1);
        assert_eq!(counters.levels(), BTreeMap::from([("nodes".to_owned(), 3)]));
    }

    #[test]
    fn usage_is_taken_once() {
        let counters = Counters::new(&BTreeMap::new());
        assert!(counters.add_usage("jobs", 2));
        assert!(!counters.add_usage("jobs", 3));
        assert!(counters.has_usage());
        assert_eq!(counters.usage("jobs"), 5);
        assert_eq!(counters.take_usage(), [("jobs".to_owned(), 5)]);
        assert!(!counters.has_usage() && counters.take_usage().is_empty());
    }
}
