//! The lane of a process or node that follows another one.

use std::{sync::Arc, time::Duration};

use crate::{
    StartError,
    engine::Engine,
    handover::{Handover, Source},
    place::{Beside, Place},
    shared::{Inner, Shared},
    spool::Spool,
    store::{self, Found, Home, Store, StoreError},
};

/// What a guard does once it holds its state directory.
#[derive(Clone)]
pub(crate) enum Duty {
    /// Keeps the lease itself.
    Keep,
    /// Takes the lease that another node keeps.
    Follow(Arc<dyn Source>),
}

/// So many looks at a foreign state in a row mean that it stays foreign.
const FOREIGN: u32 = 5;

/// What a process beside the holder has seen of its state.
#[derive(Default)]
struct Seen {
    /// The number of the last state that it took.
    sequence: Option<u64>,
    /// So many times in a row it was another installation's.
    foreign: u32,
    /// Since when there is none.
    missing: Option<Duration>,
}

impl Shared {
    /// The life of a guard's main thread: it stands by while another process holds the directory, then does its duty.
    pub(crate) fn live(&self, duty: &Duty, home: &Home) {
        self.stand_by(duty, home);
        match duty {
            Duty::Keep => self.keep(),
            Duty::Follow(source) => self.follow(source.as_ref()),
        }
    }

    /// Runs on what the holder has on disk, until that one is gone and this process holds the directory.
    fn stand_by(&self, duty: &Duty, home: &Home) {
        let Home { dir, key } = home;
        let mut seen = Seen::default();
        loop {
            let mut inner = self.lock();
            if !matches!(inner.place, Place::Beside(_)) {
                return;
            }
            match Store::open(dir, key) {
                Ok((store, left)) => {
                    tracing::info!(
                        "the process that kept the license is gone: this one keeps it from now on"
                    );
                    let settings = inner.engine.settings().clone();
                    let engine = Engine::new(settings, left.as_deref(), self.reading(), self.clock.boot_id());
                    let engine = if matches!(duty, Duty::Follow(_)) { engine.follow() } else { engine };
                    // What this process told as a follower it finds in its own file, as that of one that is gone.
                    self.settle(&mut inner);
                    inner.engine = engine.succeed(&inner.engine);
                    inner.place = Place::Holds { store, followed: true };
                    return;
                }
                Err(StoreError::InUse) => {}
                Err(StoreError::Io(error)) => tracing::warn!(%error, "the state directory cannot be opened"),
            }
            self.look(&mut inner, home, &mut seen);
            inner.engine.looked(self.reading());
            self.settle(&mut inner);
            let wait = inner.engine.look_again();
            drop(inner);
            self.tell_waiting();
            self.rest(wait);
        }
    }

    /// Takes what the holder has on disk, if that is new.
    fn look(&self, inner: &mut Inner, home: &Home, seen: &mut Seen) {
        let (now, engine) = (self.reading(), &mut inner.engine);
        let found = store::find(&home.dir, &home.key);
        seen.missing = seen.missing.filter(|_| found == Found::Nothing);
        let ours = match found {
            Found::Foreign => false,
            Found::State(sequence, _) if seen.sequence == Some(sequence) => true,
            Found::State(sequence, left) => {
                let ours = engine.observe(&left, now, self.clock.boot_id()).is_ok();
                if ours {
                    seen.sequence = Some(sequence);
                    let levels = engine.levels().clone();
                    if let Place::Beside(beside) = &mut inner.place {
                        beside.levels_are(&levels, &self.gates);
                    }
                }
                ours
            }
            Found::Nothing => {
                // The holder writes at least as often as it marks the time.
                let since = *seen.missing.get_or_insert(now.boot);
                if seen.sequence.is_some() && now.boot >= since + 2 * engine.settings().timing.mark {
                    engine.observe_nothing();
                    seen.sequence = None;
                }
                true
            }
        };
        seen.foreign = if ours { 0 } else { seen.foreign + 1 };
        if seen.foreign == FOREIGN {
            inner.engine.cannot_start(StartError::InUse { path: home.dir.clone() });
        }
    }

    /// Runs on what another node hands over. Ends when the guard is shut down.
    fn follow(&self, source: &dyn Source) {
        loop {
            if self.closed() {
                return;
            }
            let fetched = source.fetch().map_err(|error| error.to_string()).and_then(|bytes| {
                serde_json::from_slice::<Handover>(&bytes)
                    .map_err(|_| "what it hands over cannot be read".to_owned())
            });
            let mut inner = self.lock();
            if inner.place.is_left() {
                return;
            }
            inner.engine.handed(fetched, self.reading());
            self.settle(&mut inner);
            let wait = inner.engine.look_again();
            drop(inner);
            self.tell_waiting();
            self.rest(wait);
        }
    }
}

impl Place {
    /// The place of a process beside the holder.
    pub(crate) fn beside(dir: &std::path::Path, mark: [u8; 8]) -> std::io::Result<Self> {
        Spool::open(dir, u64::from_be_bytes(mark)).map(|spool| Self::Beside(Beside::new(spool)))
    }
}

impl Engine {
    /// How long to wait before looking again at what another has: a stop there should not run on here.
    fn look_again(&self) -> Duration {
        self.settings().timing.follow
    }
}
