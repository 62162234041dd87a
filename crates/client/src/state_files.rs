//! The files of a guard, in each role.

use std::{collections::BTreeMap, path::Path};

use crate::{
    clock::Reading,
    counters::Counters,
    engine::Engine,
    journal::{self, FollowerJournal, Report},
    store::Store,
};

/// The files that a guard writes.
pub(crate) trait StateFiles: Send {
    /// Writes what has to be on disk. `take_usage` says that it is time to take the usage, too.
    fn write(&mut self, engine: &mut Engine, counters: &Counters, take_usage: bool, now: Reading);

    /// Records a report, to be written with the next [`write`](Self::write).
    fn report(&mut self, engine: &mut Engine, report: Report) {
        engine.report(report);
    }

    /// Whether other processes have files there that are to be read.
    fn has_followers(&self) -> bool {
        false
    }

    /// Takes the levels of the holder, on a process that follows it.
    fn set_holder_levels(&mut self, _levels: &BTreeMap<String, u64>, _counters: &Counters) {}
}

/// The files of a guard that is shut down.
pub(crate) struct NoFiles;

impl StateFiles for NoFiles {
    fn write(&mut self, _: &mut Engine, _: &Counters, _: bool, _: Reading) {}
}

/// A state directory that this process holds.
pub(crate) struct HeldDirectory {
    store: Store,
    has_followers: bool,
}

impl HeldDirectory {
    /// Followers may be there from the beginning.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, has_followers: true }
    }

    /// Takes over what followers have written, and removes the files of those that are gone.
    fn absorb(&mut self, engine: &mut Engine, counters: &Counters, now: Reading) {
        let dir = self.store.dir().to_owned();
        let followers = journal::followers(&dir);
        for (level, amount) in engine.absorb(&followers, now) {
            counters.set_level(&level, amount);
        }
        if followers.iter().any(|follower| follower.gone) {
            self.save(engine, now);
        }
        for follower in followers.iter().filter(|follower| follower.gone && engine.has_absorbed(follower)) {
            journal::remove(&dir, &follower.name);
        }
        self.has_followers = !followers.is_empty();
    }

    fn save(&mut self, engine: &mut Engine, now: Reading) {
        let Some(state) = engine.unsaved(now) else { return };
        let mut written = self.store.save(&state);
        if written.is_err() && engine.undone_by_restart() {
            // A start without network should not undo a stop. Removing needs no room, and may make some.
            match self.store.forget() {
                Ok(()) => engine.state_removed(),
                Err(error) => {
                    tracing::error!(%error, "the license state can neither be written nor removed");
                }
            }
            written = self.store.save(&state);
        }
        if let Err(error) = &written {
            tracing::error!(%error, "the license state cannot be written");
        }
        engine.saved(written.map_err(|error| error.to_string()));
    }
}

impl StateFiles for HeldDirectory {
    fn write(&mut self, engine: &mut Engine, counters: &Counters, take_usage: bool, now: Reading) {
        if take_usage {
            self.absorb(engine, counters, now);
        }
        let used = if take_usage { counters.take_usage() } else { Vec::new() };
        engine.count(counters.levels(), used, now);
        self.save(engine, now);
    }

    fn has_followers(&self) -> bool {
        self.has_followers
    }
}

/// The files of a process that follows the holder of the directory.
pub(crate) struct FollowerFiles {
    journal: FollowerJournal,
    /// The levels in the holder's state.
    holder_levels: BTreeMap<String, u64>,
}

impl FollowerFiles {
    /// Opens a journal in the directory; `mark` is random.
    pub(crate) fn open(dir: &Path, mark: [u8; 8]) -> std::io::Result<Self> {
        let journal = FollowerJournal::open(dir, u64::from_be_bytes(mark))?;
        Ok(Self { journal, holder_levels: BTreeMap::new() })
    }
}

impl StateFiles for FollowerFiles {
    fn write(&mut self, _: &mut Engine, counters: &Counters, take_usage: bool, _: Reading) {
        let report = self.journal.edit();
        report.levels = counters.levels();
        report.levels.retain(|level, amount| self.holder_levels.get(level) != Some(amount));
        let used = if take_usage { counters.take_usage() } else { Vec::new() };
        for (meter, amount) in used {
            let total = report.usage.entry(meter).or_default();
            *total = total.saturating_add(amount);
        }
        // If it cannot be written now, it is written with the next change.
        if let Err(error) = self.journal.save() {
            tracing::error!(%error, "the usage of this process cannot be written");
        }
    }

    fn report(&mut self, _: &mut Engine, report: Report) {
        self.journal.edit().reports.push(report);
    }

    /// Adopts the holder's levels, which are this process's, too.
    fn set_holder_levels(&mut self, levels: &BTreeMap<String, u64>, counters: &Counters) {
        let changed = levels.iter().filter(|(level, amount)| self.holder_levels.get(*level) != Some(*amount));
        for (level, amount) in changed {
            counters.set_level(level, *amount);
        }
        self.holder_levels.clone_from(levels);
    }
}
