//! Where a guard stands towards its state directory, and what it writes there.

use std::collections::BTreeMap;

use crate::{
    clock::Reading,
    engine::Engine,
    gate::Gates,
    spool::{self, Spool},
    store::Store,
};

/// What a guard may write.
pub(crate) enum Place {
    /// It holds the directory: the state is its to write.
    Holds {
        /// Where it is written.
        store: Store,
        /// Whether others may follow, so that their files are looked at.
        followed: bool,
    },
    /// Another process holds it: only what it tells that one.
    Beside(Beside),
    /// Nothing: a test says what is granted, and looks at what was told.
    #[cfg(feature = "testing")]
    Nowhere(crate::testing::Stage),
    /// Nothing any more: the guard is shut down, and the directory is free.
    Left,
}

/// A process beside the one that holds the directory.
pub(crate) struct Beside {
    spool: Spool,
    /// The levels as the holder's state has them.
    theirs: BTreeMap<String, u64>,
}

impl Place {
    pub(crate) fn is_left(&self) -> bool {
        matches!(self, Self::Left)
    }

    pub(crate) fn has_followers(&self) -> bool {
        matches!(self, Self::Holds { followed: true, .. })
    }

    /// Writes what must stand on disk. `counts` says that it is time to take what was used, too.
    pub(crate) fn write(&mut self, engine: &mut Engine, gates: &Gates, counts: bool, now: Reading) {
        match self {
            Self::Holds { store, followed } => {
                if counts {
                    *followed = absorb(store, engine, gates, now);
                }
                let used = if counts { gates.take_used() } else { Vec::new() };
                engine.count(gates.levels(), used, now);
                save(store, engine, now);
            }
            Self::Beside(beside) => beside.write(gates, counts),
            #[cfg(feature = "testing")]
            Self::Nowhere(_) => engine.count(gates.levels(), gates.take_used(), now),
            Self::Left => {}
        }
    }
}

/// Takes over what followers have told, and removes what is left of those that are gone. Whether there are any.
fn absorb(store: &mut Store, engine: &mut Engine, gates: &Gates, now: Reading) -> bool {
    let followers = spool::followers(store.dir());
    engine.forget_followers_but(&followers);
    for (level, amount) in engine.absorb(&followers, now) {
        gates.level(&level, amount);
    }
    if followers.iter().any(|follower| follower.gone) {
        save(store, engine, now);
    }
    for follower in followers.iter().filter(|follower| follower.gone && engine.has_absorbed(follower)) {
        spool::remove(store.dir(), &follower.name);
    }
    !followers.is_empty()
}

fn save(store: &mut Store, engine: &mut Engine, now: Reading) {
    let Some(state) = engine.unsaved(now) else { return };
    let mut written = store.save(&state);
    if written.is_err() && engine.undone_by_restart() {
        // A start without network should not undo a stop. Removing needs no room, and may make some.
        match store.forget() {
            Ok(()) => engine.forgotten(),
            Err(error) => tracing::error!(%error, "the license state can neither be written nor removed"),
        }
        written = store.save(&state);
    }
    if let Err(error) = &written {
        tracing::error!(%error, "the license state cannot be written");
    }
    engine.saved(written.map_err(|error| error.to_string()));
}

impl Beside {
    pub(crate) fn new(spool: Spool) -> Self {
        Self { spool, theirs: BTreeMap::new() }
    }

    /// Takes the levels as the holder has them now: they are this process's, too.
    pub(crate) fn levels_are(&mut self, theirs: &BTreeMap<String, u64>, gates: &Gates) {
        for (level, amount) in
            theirs.iter().filter(|(level, amount)| self.theirs.get(*level) != Some(*amount))
        {
            gates.level(level, *amount);
        }
        self.theirs.clone_from(theirs);
    }

    pub(crate) fn spool(&mut self) -> &mut Spool {
        &mut self.spool
    }

    fn write(&mut self, gates: &Gates, counts: bool) {
        let told = self.spool.told();
        told.levels = gates.levels();
        told.levels.retain(|level, amount| self.theirs.get(level) != Some(amount));
        let used = if counts { gates.take_used() } else { Vec::new() };
        for (meter, amount) in used {
            let total = told.usage.entry(meter).or_default();
            *total = total.saturating_add(amount);
        }
        // What cannot be written now is written with what comes next.
        if let Err(error) = self.spool.save() {
            tracing::error!(%error, "what this process used cannot be written");
        }
    }
}
